"""A snapshot without some labelers' rankings, as a snapshot of its own. Line by line, however large it is."""

import json
import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from lm.atomic_files import atomic_directory
from lm.snapshot.reading import Snapshot
from lm.snapshot.records.constants import TRAIN, VALID
from lm.snapshot.writing import SnapshotWriter

SPLITS = (TRAIN, VALID)
"""Those that folds use."""


def pairs_by_labeler(snapshot: Snapshot) -> Counter[str]:
    """Returns the usable pairs of each labeler who is known, over train and valid. Raises Refused."""
    pairs: Counter[str] = Counter()
    for split in SPLITS:
        for ranking in snapshot.rankings(split):
            if ranking.labeler:
                pairs[ranking.labeler] += sum(better < worse for better in ranking.ranks for worse in ranking.ranks)
    return pairs


def leave_out(snapshot: Snapshot, directory: Path, labelers: Collection[str]) -> None:
    """Writes `directory`: train and valid without the labelers, and their valid rankings as the split held_out.

    The same snapshot and labelers give the same hash. Demonstrations and the test split stay out.
    """
    shutil.rmtree(directory, ignore_errors=True)
    filters = {**snapshot.manifest.filters, "kinds": ["rankings"], "without_labelers": sorted(labelers)}
    with atomic_directory(directory) as partial, SnapshotWriter(partial) as files:
        for split in SPLITS:
            for shard in snapshot.shards("rankings", split):
                for line in shard.lines():
                    if json.loads(line).get("labeler") not in labelers:
                        files.write_line("rankings", split, line)
                    elif split == "valid":
                        files.write_line("rankings", "held_out", line)
        files.finish(as_of=snapshot.manifest.as_of, filters=filters, counts={})
