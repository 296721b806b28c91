from labeling.export.snapshot import write_snapshot
from labeling.manifest import Manifest, verify_snapshot

__all__ = ["Manifest", "verify_snapshot", "write_snapshot"]
