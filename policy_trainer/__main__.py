"""The policy's command line: `python -m policy_trainer sft | ppo | best-of-n | dpo --help`.

The exit statuses are those of `lm.training.command`.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any, get_args

from lm.errors import Refused
from lm.progress import Progress, Style
from lm.training.command import leave, run_command
from lm.training.options import add_options, from_namespace
from lm.training.presets import Presets
from lm.training.processes import Processes, launched
from policy_trainer.arguments import PRESETS, BestOfNArguments, DpoArguments, PpoArguments, SftArguments
from policy_trainer.best_of_n import best_of_n
from policy_trainer.dpo import dpo
from policy_trainer.ppo import ppo
from policy_trainer.sft import sft


@dataclass(frozen=True)
class Command:
    """`trains`: takes presets, and says how far it is."""

    arguments: type[Any]
    run: Callable[..., None]
    purpose: str
    trains: bool = True


COMMANDS = {
    "sft": Command(SftArguments, sft, "Tune a language model on a snapshot's demonstrations."),
    "ppo": Command(PpoArguments, ppo, "Tune a policy against a reward model, with PPO-ptx."),
    "best-of-n": Command(BestOfNArguments, best_of_n, "Measure the best of n answers.", trains=False),
    "dpo": Command(DpoArguments, dpo, "Tune a policy on a snapshot's rankings, without a reward model."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        processes = launched()
        with redirect_stderr(sys.stderr if processes.first else StringIO()):  # argparse speaks for itself
            namespace = _parser(given).parse_args(given)
    except Refused as refusal:
        Progress("text").error(str(refusal))
        return 2
    progress = Progress(namespace.progress, speak=processes.first)
    return run_command(
        lambda joined: _command(namespace, progress, joined), progress, processes, device=namespace.device
    )


def presets_of(name: str) -> Presets:
    return Presets(PRESETS / name, COMMANDS[name].arguments, name)


def _command(namespace: argparse.Namespace, progress: Progress, processes: Processes) -> None:
    command = COMMANDS[namespace.command]
    arguments = from_namespace(command.arguments, namespace)
    command.run(arguments, progress, processes)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m policy_trainer", description="Trains policies.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, each in COMMANDS.items():
        command = commands.add_parser(name, help=each.purpose, description=each.purpose)
        command.set_defaults(progress="text")
        add_options(command, each.arguments, _preset(name, given))
        if each.trains:
            names = ", ".join(presets_of(name).names())
            command.add_argument("--preset", metavar="NAME", help=f"Values that go together: {names}.")
            command.add_argument(
                "--progress", choices=get_args(Style), help="jsonl: events on standard output, for a program to read."
            )
    return parser


def _preset(name: str, given: Sequence[str]) -> Mapping[str, Any]:
    """Of the command that is asked for alone."""
    return presets_of(name).named_in(given) if COMMANDS[name].trains and given[:1] == [name] else {}


if __name__ == "__main__":
    leave(main())
