"""Values that go together, as files: rm_trainer/presets/NAME.toml, each with the command that runs it at its top."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from rm_trainer.arguments import TrainArguments
from rm_trainer.errors import Refused

PRESETS = Path(__file__).parent / "presets"


def names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_preset(preset: str) -> dict[str, Any]:
    """The options of a preset by name, or of a TOML file of one's own. Raises Refused for what `train` doesn't know."""
    path = PRESETS / f"{preset}.toml" if preset in names() else Path(preset)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"There is no preset {preset}. There are: {', '.join(names())}; or give a TOML file.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path} is not a TOML file: {error}.") from error
    known = {field.name: field for field in dataclasses.fields(TrainArguments)}
    for name, value in values.items():
        if name not in known:
            raise Refused(f"{path}: train has no option {name}. Its options: {', '.join(known)}.")
        default = known[name].default
        if isinstance(default, (bool, int, float)) and not _same_kind(value, default):
            raise Refused(f"{path}: {name} is {value!r}, which is no {type(default).__name__}.")
    return values


def _same_kind(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return type(value) is type(default)
    return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))
