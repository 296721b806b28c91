"""The reward model's command line: `python -m rm_trainer train | evaluate | score --help`.

Exit status: 0 done, 2 refused (the input can't be used), 1 failed, 130 interrupted, 143 terminated.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import get_args

from transformers.utils import logging

from rm_trainer.arguments import EvaluateArguments, ScoreArguments, TrainArguments
from rm_trainer.errors import Failed, Refused, Terminated
from rm_trainer.evaluate import evaluate
from rm_trainer.options import add_options, from_namespace
from rm_trainer.progress import Progress, Style
from rm_trainer.score import score
from rm_trainer.train import train


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    namespace = _parser().parse_args(argv)
    progress = Progress(namespace.progress)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with _stop_on_sigterm():
            return _run(namespace, progress)
    except BrokenPipeError:
        _discard_stdout()
        return 1


def _run(namespace: argparse.Namespace, progress: Progress) -> int:
    try:
        if namespace.command == "train":
            train(from_namespace(TrainArguments, namespace), progress)
        elif namespace.command == "evaluate":
            evaluate(from_namespace(EvaluateArguments, namespace), progress)
        else:
            score(from_namespace(ScoreArguments, namespace), progress)
    except Refused as refusal:
        progress.error(str(refusal))
        return 2
    except Failed as failure:
        progress.error(str(failure))
        return 1
    except Terminated:
        progress.error("Terminated before the end.")
        return 143
    except KeyboardInterrupt:
        progress.error("Interrupted before the end.")
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the reader of the progress lines must learn of it
        traceback.print_exc()
        progress.error(f"{type(error).__name__}: {error}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rm_trainer", description="Trains and uses reward models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, arguments, purpose in (
        ("train", TrainArguments, "Train a reward model from a snapshot of rankings."),
        ("evaluate", EvaluateArguments, "Measure a reward model on a snapshot's split."),
        ("score", ScoreArguments, "Give completions their rewards."),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(progress="text")
        add_options(command, arguments)
        if name == "train":
            command.add_argument(
                "--progress", choices=get_args(Style), help="jsonl: events on standard output, for a program to read."
            )
    return parser


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Turns SIGTERM into Terminated, so that everything half-written is cleaned up on the way out."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _discard_stdout() -> None:
    """The reader is gone: what is left in the buffer must not raise again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
