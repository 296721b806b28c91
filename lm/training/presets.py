"""Values that go together, as TOML files: DIRECTORY/NAME.toml, each with the command that runs it at its top."""

import argparse
import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm.errors import Refused
from lm.training.arguments import TrainingArguments
from lm.training.options import fields_of


@dataclasses.dataclass(frozen=True)
class Presets:
    """A trainer's presets, for the options of its command."""

    directory: Path
    arguments: type[TrainingArguments]
    command: str = "train"

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.directory.glob("*.toml"))

    def named_in(self, argv: Sequence[str] | None) -> dict[str, Any]:
        """Returns what --preset says, if one is named: it decides which options must still be given. Raises Refused."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--preset")
        preset = parser.parse_known_args(argv)[0].preset
        return self.read(preset) if preset else {}

    def read(self, preset: str) -> dict[str, Any]:
        """Returns the options of a preset by name, or of a TOML file of one's own.

        Raises Refused for what the command doesn't know.
        """
        path = self.directory / f"{preset}.toml" if preset in self.names() else Path(preset)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            there = ", ".join(self.names())
            raise Refused(f"There is no preset {preset}. There are: {there}; or give a TOML file.") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Refused(f"{path} is not a TOML file: {error}.") from error
        known = {field.name: field for field in fields_of(self.arguments)}
        for name, value in values.items():
            if name not in known:
                raise Refused(f"{path}: {self.command} has no option {name}. Its options: {', '.join(known)}.")
            default = known[name].default
            if isinstance(default, (bool, int, float)) and not _same_kind(value, default):
                raise Refused(f"{path}: {name} is {value!r}, which is no {type(default).__name__}.")
        return values


def _same_kind(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return type(value) is type(default)
    return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))
