"""The reward model's command line: `python -m rm_trainer train | evaluate | folds | score --help`.

The exit statuses are those of `lm.training.command`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, get_args

from lm.errors import Refused
from lm.progress import Progress, Style
from lm.training.command import leave, run_command
from lm.training.options import add_options, from_namespace
from lm.training.presets import Presets
from lm.training.processes import Processes, launched
from rm_trainer.arguments import EvaluateArguments, FoldsArguments, ScoreArguments, TrainArguments
from rm_trainer.evaluate import evaluate
from rm_trainer.folds import folds
from rm_trainer.score import score
from rm_trainer.train import train

TRAINS = ("train", "folds")
PRESETS = Presets(Path(__file__).parent / "presets", TrainArguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    try:
        processes = launched()
        with redirect_stderr(sys.stderr if processes.first else StringIO()):  # argparse speaks for itself
            namespace = _parser(PRESETS.named_in(argv)).parse_args(argv)
    except Refused as refusal:
        Progress("text").error(str(refusal))
        return 2
    progress = Progress(namespace.progress, speak=processes.first)
    return run_command(
        lambda joined: _command(namespace, progress, joined), progress, processes, device=namespace.device
    )


def _command(namespace: argparse.Namespace, progress: Progress, processes: Processes) -> None:
    if namespace.command == "train":
        train(from_namespace(TrainArguments, namespace), progress, processes)
    elif namespace.command == "evaluate":
        evaluate(from_namespace(EvaluateArguments, namespace), progress, processes)
    elif processes.size > 1:
        raise Refused(f"{namespace.command} runs in one process. Start it without torchrun.")
    elif namespace.command == "folds":
        folds(from_namespace(FoldsArguments, namespace), progress)
    else:
        score(from_namespace(ScoreArguments, namespace), progress)


def _parser(preset: Mapping[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rm_trainer", description="Trains and uses reward models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, arguments, purpose in (
        ("train", TrainArguments, "Train a reward model from a snapshot of rankings."),
        ("evaluate", EvaluateArguments, "Measure a reward model on a snapshot's split."),
        ("folds", FoldsArguments, "Measure how a model carries over to labelers it was not trained on."),
        ("score", ScoreArguments, "Give completions their rewards."),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(progress="text")
        add_options(command, arguments, preset if name in TRAINS else {})
        if name in TRAINS:
            command.add_argument(
                "--preset", metavar="NAME", help=f"Values that go together: {', '.join(PRESETS.names())}."
            )
            command.add_argument(
                "--progress", choices=get_args(Style), help="jsonl: events on standard output, for a program to read."
            )
    return parser


if __name__ == "__main__":
    leave(main())
