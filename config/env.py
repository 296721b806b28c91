"""Typed readers for environment variables that refuse nonsense at start, in words.

Every read is recorded with its default and its explanation, so that tests/test_docs.py can prove docs/settings.md and
.env.example complete. An empty variable counts as unset, because that is what `NAME=` in an env file means to people.

django-environ, environs and pydantic-settings neither name what was found beside what is allowed, nor keep the record:
around any of them these readers would stay, each a few lines shorter.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})
DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SettingError(Exception):
    """An environment variable holds something that Concord cannot start with; the message says what and why."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One variable that Concord reads, as its documentation must show it."""

    name: str
    default: str
    about: str
    section: str


@dataclass
class Environment:
    """Reads settings from `values`, then from `laptop_defaults`, then from the reader's own default.

    `settings` lists every variable that was asked for, in order.
    """

    values: Mapping[str, str]
    laptop_defaults: Mapping[str, str] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    _section: str = "General"

    def section(self, title: str) -> None:
        """Group the reads that follow under `title` in the documentation."""
        self._section = title

    def text(self, name: str, default: str, *, about: str) -> str:
        found = self._read(name, default, about)
        return default if found is None else found

    def choice(self, name: str, default: str, *, options: Sequence[str], about: str) -> str:
        found = self._read(name, default, about)
        if found is None:
            return default
        if found not in options:
            raise _refusal(name, f"one of {', '.join(options)}", found)
        return found

    def integer(self, name: str, default: int, *, minimum: int, maximum: int, about: str) -> int:
        found = self._read(name, str(default), about)
        if found is None:
            return default
        wanted = f"a whole number from {minimum} to {maximum}"
        try:
            number = int(found)
        except ValueError:
            raise _refusal(name, wanted, found) from None
        if not minimum <= number <= maximum:
            raise _refusal(name, wanted, found)
        return number

    def number(self, name: str, default: float, *, minimum: float, maximum: float, about: str) -> float:
        found = self._read(name, _shortest(default), about)
        if found is None:
            return default
        wanted = f"a number from {minimum:g} to {maximum:g}"
        try:
            number = float(found)
        except ValueError:
            raise _refusal(name, wanted, found) from None
        if not minimum <= number <= maximum:  # also refuses nan, which compares false with everything
            raise _refusal(name, wanted, found)
        return number

    def boolean(self, name: str, *, default: bool, about: str, shown_default: str | None = None) -> bool:
        """`shown_default` documents a default that depends on another setting."""
        found = self._read(name, shown_default or str(default).lower(), about)
        if found is None:
            return default
        word = found.lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise _refusal(name, "true or false", found)
        return word in TRUE_WORDS

    def duration(self, name: str, default: str, *, about: str) -> timedelta:
        """A whole number with a unit: 30s, 15m, 12h, 7d."""
        found = self._read(name, default, about) or default
        match = re.fullmatch(r"(\d{1,6})([smhd])", found)
        if match is None:
            raise _refusal(name, "a whole number with a unit, such as 30s, 15m, 12h or 7d", found)
        return timedelta(**{DURATION_UNITS[match[2]]: int(match[1])})

    def path(self, name: str, default: str, *, base: Path, about: str) -> Path:
        """A path; a relative one starts at `base`. Whether something is there is for its reader to say."""
        found = self._read(name, default, about) or default
        if "\0" in found:
            raise _refusal(name, "a path without NUL bytes", found)
        return base / Path(found).expanduser()

    def url(self, name: str, *, schemes: Sequence[str], example: str, about: str) -> str | None:
        """A URL with one of `schemes`, or None where it is unset."""
        found = self._read(name, "", about)
        if found is None:
            return None
        try:
            parts = urlsplit(found)
        except ValueError:  # a "[" without its "]" and the like
            parts = urlsplit("")
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise _refusal(name, f"a URL such as {example}", _without_password(found))
        return found

    def server_addresses(self, name: str, *, about: str) -> list[str]:
        """Addresses of servers separated by commas, each http or https with a host and nothing that hides where a
        request would go or is a secret: no user, no query, no fragment, no link-local host (where clouds keep keys).
        """
        found = self._read(name, "", about) or ""
        addresses = [word.rstrip("/") for part in found.split(",") if (word := part.strip())]
        for address in addresses:
            if not _is_server_address(address):
                wanted = "addresses such as http://vllm:8000/v1, separated by commas, without user, query or fragment"
                raise _refusal(name, wanted, _without_password(found))
        return addresses

    def words(self, name: str, default: str, *, about: str) -> list[str]:
        """A list separated by commas."""
        found = self._read(name, default, about)
        text = default if found is None else found
        return [word for part in text.split(",") if (word := part.strip())]

    def command(self, name: str, default: str, *, about: str) -> list[str]:
        """A command line, split as a shell would split it."""
        found = self._read(name, default, about) or default
        try:
            return shlex.split(found)
        except ValueError as error:
            raise _refusal(name, f"a command line ({error})", found) from None

    def _read(self, name: str, default: str, about: str) -> str | None:
        if name in self.settings:
            raise RuntimeError(f"{name} is read twice; read it once in config/settings/ and use the result.")
        self.settings[name] = Setting(name=name, default=default, about=about, section=self._section)
        return self.values.get(name, "").strip() or self.laptop_defaults.get(name)


def _is_server_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:  # a "[" without its "]", or a port that is none
        return False
    try:
        link_local = ip_address(host).is_link_local
    except ValueError:
        link_local = False
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and not re.search(r"\s", address)
    return parts.scheme in ("http", "https") and bool(host) and plain and not link_local


def _shortest(number: float) -> str:
    """9e-6 as papers write it, where Python writes 9e-06."""
    return re.sub(r"e([-+])0+", r"e\1", f"{number:g}")


def _refusal(name: str, wanted: str, found: str) -> SettingError:
    return SettingError(f'{name} must be {wanted}, but is "{found}".')


def _without_password(url: str) -> str:
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:…@", url)
