"""One line of a JSONL file, read strictly: what two readers would take differently is refused."""

import json
from typing import Any, NoReturn

from lm.errors import Refused


def object_of(line: bytes) -> dict[str, Any]:
    """Returns the line's object. Raises Refused, without the place: no UTF-8, no JSON, no object, a key that is there
    twice (the later one would win), NaN or infinity (no JSON), nested too deeply.
    """
    try:
        found = json.loads(line.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Refused(f"it is not UTF-8 (byte {error.start + 1})") from error
    except RecursionError as error:
        raise Refused("its JSON is nested too deeply to be read") from error
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
        raise Refused(f'"{repeated}" is there twice, and nobody can say which one counts')
    return record


def _no_number(text: str) -> NoReturn:
    raise Refused(f"{text} is no number that JSON knows")
