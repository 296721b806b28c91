"""What a process calls itself at PostgreSQL: there it is seen at work, and the trail says so of what it changes."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

LONGEST = 63
"""Characters of PostgreSQL's application_name."""


def process_name(arguments: Sequence[str]) -> str:
    """From its command line: a command with the operator's name, a worker with its queues, beat, or web."""
    program, *rest = [Path(arguments[0]).name, *arguments[1:]] if arguments else [""]
    if program == "__main__.py":  # python -m celery
        program = Path(arguments[0]).parent.name
    if program == "manage.py":
        name = f"manage.py {rest[0] if rest else ''} ({_operator()})"
    elif program == "celery":
        name = "beat" if "beat" in rest else f"worker of {_queues(rest)}"
    else:
        name = "web" if program == "gunicorn" else program
    return name[:LONGEST]


def _queues(options: Sequence[str]) -> str:
    for option, following in zip(options, [*options[1:], ""], strict=True):
        if option in ("-Q", "--queues"):
            return following
        if option.startswith("--queues="):
            return option.removeprefix("--queues=")
    return "all queues"


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
