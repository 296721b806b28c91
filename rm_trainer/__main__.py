"""The reward model's command line: `python -m rm_trainer train | evaluate | folds | score --help`.

Exit status: 0 done, 2 refused (the input can't be used), 1 failed, 130 interrupted, 143 terminated. Under torchrun the
first process that ends says why, and torchrun itself ends with 1.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from types import FrameType
from typing import Any, NoReturn, get_args

from transformers.utils import logging

from rm_trainer.arguments import EvaluateArguments, FoldsArguments, ScoreArguments, TrainArguments
from rm_trainer.distributed.ranks import Ranks, joined, launched
from rm_trainer.errors import Failed, Refused, Terminated
from rm_trainer.evaluate import evaluate
from rm_trainer.folds import folds
from rm_trainer.options import add_options, from_namespace
from rm_trainer.preset import names, read_preset
from rm_trainer.progress import Progress, Style
from rm_trainer.score import score
from rm_trainer.train import train

TRAINS = ("train", "folds")
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    try:
        ranks = launched()
        with redirect_stderr(sys.stderr if ranks.first else StringIO()):  # argparse speaks for itself
            namespace = _parser(_preset_in(argv)).parse_args(argv)
    except Refused as refusal:
        Progress("text").error(str(refusal))
        return 2
    progress = Progress(namespace.progress, speak=ranks.first)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with _stop_on_sigterm():
            return _run(namespace, progress, ranks)
    except BrokenPipeError:
        _discard_stdout()
        return 1


def _run(namespace: argparse.Namespace, progress: Progress, ranks: Ranks) -> int:
    try:
        with joined(ranks, device=namespace.device) as ranks:
            _command(namespace, progress, ranks)
    except BrokenPipeError:
        ranks.has_the_word()
        raise
    except (Exception, Terminated, KeyboardInterrupt) as error:  # noqa: BLE001  who reads the progress must learn it
        status, words = _how_it_ended(error)
        if ranks.has_the_word():
            progress.error(words)
        return status
    return 0


def _command(namespace: argparse.Namespace, progress: Progress, ranks: Ranks) -> None:
    if namespace.command == "train":
        train(from_namespace(TrainArguments, namespace), progress, ranks)
    elif namespace.command == "evaluate":
        evaluate(from_namespace(EvaluateArguments, namespace), progress, ranks)
    elif ranks.size > 1:
        raise Refused(f"{namespace.command} runs in one process. Start it without torchrun.")
    elif namespace.command == "folds":
        folds(from_namespace(FoldsArguments, namespace), progress)
    else:
        score(from_namespace(ScoreArguments, namespace), progress)


def _how_it_ended(error: BaseException) -> tuple[int, str]:
    """Exit status, and words for a person."""
    if isinstance(error, Refused):
        return 2, str(error)
    if isinstance(error, Failed):
        return 1, str(error)
    if isinstance(error, Terminated):
        return 143, "Terminated before the end."
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted before the end."
    traceback.print_exception(error)
    return 1, f"{type(error).__name__}: {error}"


def _preset_in(argv: Sequence[str] | None) -> dict[str, Any]:
    """What the preset says, if one is named: it decides which options must still be given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    preset = parser.parse_known_args(argv)[0].preset
    return read_preset(preset) if preset else {}


def _parser(preset: Mapping[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rm_trainer", description="Trains and uses reward models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, arguments, purpose in (
        ("train", TrainArguments, "Train a reward model from a snapshot of rankings."),
        ("evaluate", EvaluateArguments, "Measure a reward model on a snapshot's split."),
        ("folds", FoldsArguments, "Measure how a model carries over to labelers it never learned from."),
        ("score", ScoreArguments, "Give completions their rewards."),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(progress="text")
        add_options(command, arguments, preset if name in TRAINS else {})
        if name in TRAINS:
            command.add_argument("--preset", metavar="NAME", help=f"Values that go together: {', '.join(names())}.")
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


def leave(status: int) -> NoReturn:
    """Ends the process, where an orderly exit would say something else by leaving at once.

    Of several processes NCCL would wait for ranks that are gone, and threads of torch's that still run abort one that
    is done. An interrupt that struck inside `exec` of a text counts as unhandled with `python -m`, whoever handled it.
    """
    if status == INTERRUPTED or launched().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
