"""Reward models by version: their accuracy, and how far their labelers agree with each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.base.states import ModelKind
from labeling.model_versions.models import ModelVersion

VERSIONS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class MeasuredVersion:
    """Both on the validation split, with 95% intervals. `ceiling`: labelers with each other; None where no task of the
    split was ranked by several."""

    version: ModelVersion
    accuracy: float
    interval: tuple[float, float] | None
    ceiling: float | None
    ceiling_interval: tuple[float, float] | None
    rankings: int


def measured_versions() -> list[MeasuredVersion]:
    """The last versions that were measured, the newest first."""
    versions = ModelVersion.objects.filter(kind=ModelKind.REWARD, metrics__valid__prompt_accuracy__isnull=False)
    return [_measured(version) for version in versions.select_related("reward_model").order_by("-id")[:VERSIONS_SHOWN]]


def _measured(version: ModelVersion) -> MeasuredVersion:
    valid = version.metrics["valid"]
    analysis = (version.metrics.get("analysis") or {}).get("valid") or {}
    ceiling = analysis.get("ceiling") or {}
    return MeasuredVersion(
        version=version,
        accuracy=float(valid["prompt_accuracy"]),
        interval=_bounds(valid, "prompt_accuracy"),
        ceiling=ceiling.get("agreement"),
        ceiling_interval=_bounds(ceiling, "agreement"),
        rankings=int(valid["rankings"]),
    )


def _bounds(figures: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    bounds = figures.get(f"{name}_interval")
    return (float(bounds[0]), float(bounds[1])) if bounds else None
