"""Open-Assistant's conversation trees as rankings: replies to the same turn, in the order that people gave them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lm.snapshot.writing import SnapshotWriter

ROLES = {"prompter": "user", "assistant": "assistant"}


@dataclass(frozen=True)
class RankedReplies:
    """A conversation up to a user's turn, and 2 to 9 replies; `ranks` from 1, without gaps."""

    tree: str
    messages: tuple[dict[str, str], ...]
    replies: tuple[str, ...]
    ranks: tuple[int, ...]


def read(path: Path) -> list[RankedReplies]:
    with path.open(encoding="utf-8") as lines:
        return [found for line in lines for found in _tree(json.loads(line))]


def _tree(tree: dict[str, Any]) -> Iterator[RankedReplies]:
    yield from _below(tree["prompt"], tree["message_tree_id"], ())


def _below(message: dict[str, Any], tree: str, before: tuple[dict[str, str], ...]) -> Iterator[RankedReplies]:
    messages = (*before, {"role": ROLES[message["role"]], "content": message["text"]})
    ranked = [one for one in message["replies"] if one["role"] == "assistant" and one.get("rank") is not None]
    if message["role"] == "prompter" and len(ranked) > 1:
        order = sorted({one["rank"] for one in ranked})
        yield RankedReplies(
            tree=tree,
            messages=messages,
            replies=tuple(one["text"] for one in ranked),
            ranks=tuple(order.index(one["rank"]) + 1 for one in ranked),
        )
    for reply in message["replies"]:
        yield from _below(reply, tree, messages)


def write_snapshot(directory: Path, splits: dict[str, list[tuple[int, RankedReplies]]]) -> None:
    """A snapshot as an export writes it (docs/data-contract.md), of numbered rankings by split."""
    directory.mkdir(parents=True, exist_ok=True)
    with SnapshotWriter(directory) as files:
        for split, numbered in splits.items():
            for number, one in numbered:
                files.write_line("rankings", split, json.dumps(_record(number, one)).encode() + b"\n")
        files.finish(as_of=datetime(2023, 4, 12, tzinfo=UTC), filters={}, counts={})


def _record(number: int, one: RankedReplies) -> dict[str, Any]:
    return {
        "schema": 1,
        "ranking_id": number,
        "prompt_id": number,
        "prompt": list(one.messages),
        "completions": [
            {"completion_id": number * 10 + position, "text": text, "rank": rank}
            for position, (text, rank) in enumerate(zip(one.replies, one.ranks, strict=True))
        ],
    }
