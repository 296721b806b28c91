"""JSON read strictly: what two readers would take differently is refused."""

import json
from typing import Any, NoReturn

from lm.errors import Refused


class NotStrict(ValueError):
    """JSON that readers take differently; `key`: the one that is there twice."""

    def __init__(self, reason: str, *, key: str | None = None) -> None:
        super().__init__(reason)
        self.key = key


def strict_json(text: str) -> Any:
    """Returns what the text says. Raises json.JSONDecodeError, NotStrict (a key that is there twice, of which the later
    one would win; NaN or infinity, which are no JSON), another ValueError (a number of thousands of digits), and
    RecursionError.
    """
    return _DECODER.decode(text)


def object_of(line: bytes) -> dict[str, Any]:
    """Returns the object that a line is. Raises Refused, without the place: no UTF-8, no strict JSON, no object."""
    try:
        found = strict_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(f"it is not UTF-8 (byte {error.start + 1})") from error
    except RecursionError as error:
        raise Refused("its JSON is nested too deeply to be read") from error
    except NotStrict as error:
        raise Refused(str(error)) from error
    except ValueError as error:
        raise Refused(f"it is broken JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused("it is not a JSON object")
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise NotStrict(f'"{repeated}" is there twice, and nobody can say which one counts', key=repeated)
    return record


def _no_number(text: str) -> NoReturn:
    raise NotStrict(f"{text} is no number that JSON knows")


# Made once: it costs as much as reading a short line.
_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_number)
