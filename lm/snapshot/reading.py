"""Reads a snapshot directory (docs/data-contract.md) and refuses it when a single byte isn't what its manifest says.

Records are read one at a time, never a file as a whole: a snapshot may be larger than memory.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from lm.errors import Refused
from lm.json_lines import object_of
from lm.prompt_format import Message
from lm.snapshot.manifest import Manifest, check_files
from lm.snapshot.records.demonstrations import Demonstration, parse_demonstration
from lm.snapshot.records.prompts import parse_prompt
from lm.snapshot.records.rankings import Ranking, parse_ranking

T = TypeVar("T")
Kind = Literal["rankings", "demonstrations", "prompts"]


class Place(NamedTuple):
    """Where a record's line is in its file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True)
class Shard:
    """One file of a snapshot: some records of one kind and split, one a line."""

    path: Path
    kind: str
    split: str
    records: int
    sha256: str

    def read(self, parse: Callable[[dict[str, Any]], T]) -> Iterator[tuple[Place, T]]:
        """Yields every record with its place, in file order. Raises Refused with the line's number."""
        start = number = 0
        for number, line in enumerate(self.lines(), start=1):
            try:
                yield Place(start, len(line)), parse(object_of(line))
            except Refused as error:
                raise Refused(f"Line {number} of {self.path} can't be used: {str(error).rstrip('.')}.") from error
            start += len(line)
        if number != self.records:
            raise Refused(
                f"{self.path} holds {number} records and its manifest says {self.records}. Export the snapshot again."
            )

    def read_at(self, place: Place, parse: Callable[[dict[str, Any]], T]) -> T:
        """Returns one record that `read` gave before."""
        with self.path.open("rb") as file:
            file.seek(place.start)
            return parse(json.loads(file.read(place.length)))

    def lines(self) -> Iterator[bytes]:
        """Yields every record's line as it is in the file, its line end included."""
        with self.path.open("rb") as lines:
            yield from lines


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot."""

    directory: Path
    manifest: Manifest
    files: tuple[Shard, ...]

    @property
    def sha256(self) -> str:
        return self.manifest.sha256

    def splits(self, kind: Kind) -> list[str]:
        return sorted({shard.split for shard in self.files if shard.kind == kind})

    def shards(self, kind: Kind, split: str) -> list[Shard]:
        """Returns the split's files in the order of their names, which is that of their records; there may be none."""
        chosen = [shard for shard in self.files if (shard.kind, shard.split) == (kind, split)]
        return sorted(chosen, key=lambda shard: shard.path)

    def records(self, kind: Kind, split: str) -> int:
        """Returns how many there are, as the manifest says; reading a file proves it."""
        return sum(shard.records for shard in self.shards(kind, split))

    def rankings(self, split: str) -> Iterator[Ranking]:
        """Yields the split's rankings in file order. Raises Refused."""
        for shard in self.shards("rankings", split):
            yield from (ranking for _, ranking in shard.read(parse_ranking))

    def demonstrations(self, split: str) -> Iterator[Demonstration]:
        """Yields the split's demonstrations in file order. Raises Refused."""
        for shard in self.shards("demonstrations", split):
            yield from (ideal for _, ideal in shard.read(parse_demonstration))

    def prompts(self, split: str) -> Iterator[tuple[Message, ...]]:
        """Yields the split's prompts, those of its labels among them or not, each once in the files' order. Raises
        Refused.
        """
        seen: set[str] = set()
        for prompt in self._every_prompt(split):
            key = json.dumps(prompt)
            if key not in seen:
                seen.add(key)
                yield prompt

    def _every_prompt(self, split: str) -> Iterator[tuple[Message, ...]]:
        for shard in self.shards("prompts", split):
            yield from (prompt for _, prompt in shard.read(parse_prompt))
        yield from (ranking.prompt for ranking in self.rankings(split))
        yield from (ideal.prompt for ideal in self.demonstrations(split))


def open_snapshot(directory: Path) -> Snapshot:
    """Checks the manifest's own hash, then every file's, before anything is read from them. Raises Refused."""
    manifest = check_files(directory)
    shards = tuple(
        Shard(
            path=directory / entry.path,
            kind=entry.kind,
            split=entry.split,
            records=entry.records,
            sha256=entry.sha256,
        )
        for entry in manifest.files
    )
    return Snapshot(directory=directory, manifest=manifest, files=shards)
