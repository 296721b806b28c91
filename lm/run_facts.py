"""The shape of what a training run writes of itself, whatever it trains: parts of metrics.json and manifest.json."""

from collections.abc import Mapping
from typing import Any, TypedDict


class Energy(TypedDict):
    """`joules` is None when nothing counts; whatever doesn't count is named in `note`."""

    joules: float | None
    parts: dict[str, float]
    note: str | None


class Seconds(TypedDict):
    training: float
    waiting_for_data: float
    total: float


class Tokens(TypedDict):
    trained: int


class Schedule(TypedDict):
    """The learning rate over the steps."""

    shape: str
    steps: int
    warmup_steps: int
    learning_rate: float
    final_learning_rate: float


class SnapshotFacts(TypedDict):
    """What a snapshot's manifest says of the whole."""

    sha256: str
    as_of: str
    filters: Mapping[str, object]
    counts: dict[str, dict[str, int]]


class CodeVersion(TypedDict):
    """`sources_sha256` names the code exactly, `commit` where it comes from, if that is a git work tree."""

    version: str | None
    commit: str | None
    modified: bool | None
    sources_sha256: str


class RuntimeFacts(TypedDict):
    device: str
    processes: int
    dtype: str
    threads: int


class Provenance(RuntimeFacts):
    """The data, the programs and the machine that a model was made with."""

    base: str
    snapshot_sha256: str
    snapshot: SnapshotFacts
    template: str
    """`chat` or `plain`."""
    max_length: int
    schedule: Schedule
    config: dict[str, Any]
    """Every option by its name."""
    seed: int
    code: CodeVersion
    versions: dict[str, str]


class RunFacts(Provenance):
    """Everything of a run that is done, but its figures."""

    tokens: Tokens
    seconds: Seconds
    energy: Energy
