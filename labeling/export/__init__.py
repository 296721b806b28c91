from labeling.export.records import demonstrations_of, rankings_of
from labeling.export.selection import Selection
from labeling.export.snapshot import write_snapshot
from lm.snapshot.manifest import Manifest, verify_snapshot

__all__ = ["Manifest", "Selection", "demonstrations_of", "rankings_of", "verify_snapshot", "write_snapshot"]
