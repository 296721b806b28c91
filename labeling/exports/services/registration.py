"""Snapshots on record: which exported directory a model learned from."""

from pathlib import Path

from labeling.base.refusals import SnapshotRefused
from labeling.exports.models import Snapshot
from lm.snapshot.manifest import Manifest


def register_snapshot(*, manifest: Manifest, path: Path) -> Snapshot:
    """The directory's row, new or the one it has. Raises SnapshotRefused when the row is of another manifest."""
    snapshot, _ = Snapshot.objects.get_or_create(
        path=str(path.resolve()),
        defaults={
            "as_of": manifest.as_of,
            "filters": manifest.filters,
            "counts": manifest.counts,
            "sha256": manifest.sha256,
            "bytes": manifest.bytes,
        },
    )
    if snapshot.sha256 != manifest.sha256:
        raise SnapshotRefused(f"{path} is on record as snapshot {snapshot.pk} with other content; it was overwritten.")
    return snapshot
