"""The figures of docs/benchmarks.md, written from the records: a page copied by hand would lie after the next run."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import shown

Record = Mapping[str, Any]
PLACE = re.compile(r"(<!-- figures: (\w+)(?:, (.+?))? -->\n).*?(<!-- end of figures -->)", re.DOTALL)
"""A benchmark's name, and the beginning of the measures that are wanted there if not all are, or `beginning … end`."""


def with_figures(page: str, results: Path) -> str:
    """The page with the last run of each benchmark at the place marked for it; what was never run has no figures.

    Where a place wants only measures of one beginning or end, it gets the last run that has any: a GPU's and a
    processor's are taken at different times, and so may those of several peers be.
    """
    return PLACE.sub(
        lambda place: f"{place[1]}{_figures(results / f'{place[2]}.jsonl', place[3] or '')}{place[4]}", page
    )


def last_run(records: Sequence[Record]) -> list[Record]:
    """The records at the end that have one commit and no measure twice."""
    found: dict[tuple[str, str], Record] = {}
    for record in reversed(records):
        measure = (record["name"], record["unit"])
        if measure in found or record["commit"] != records[-1]["commit"]:
            break
        found[measure] = record
    return list(reversed(found.values()))


def _figures(path: Path, wanted: str) -> str:
    if not path.exists():
        return "Not measured yet.\n"
    all_records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    beginning, _, end = wanted.partition(" … ")
    records = last_run([one for one in all_records if one["name"].startswith(beginning) and one["name"].endswith(end)])
    if not records:
        return "Not measured yet.\n"
    devices = " and ".join(dict.fromkeys(record["device"] for record in records))
    lines = [
        f"{devices}; commit {records[-1]['commit']}.",
        "",
        "| Measure | Value | Peer | Ratio | Limit |",
        "|---|---:|---|---:|---:|",
        *(_line(record) for record in records),
    ]
    return "\n".join([*lines, ""])


def _line(record: Record) -> str:
    value = f"{shown(record['value'])} {record['unit']}"
    peer = f"{record['peer']}: {shown(record['peer_value'])} {record['unit']}" if record["peer"] else ""
    ratio = "" if record["ratio"] is None else f"×{shown(record['ratio'])}"
    limit = "" if record["limit"] is None else f"{shown(record['limit'])} {record['unit']}"
    return f"| {record['name']} | {value} | {peer} | {ratio} | {limit} |"
