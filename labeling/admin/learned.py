"""What the pages of a model version and of its training run show alike."""

from typing import Any

from labeling.admin.evaluation import evaluations
from labeling.admin.provenance import facts, folds_of
from labeling.models import ModelVersion


def learned(version: ModelVersion | None) -> dict[str, Any]:
    """For admin/concord/evaluation.html; nothing is shown of what isn't known."""
    if version is None:
        return {}
    return {
        "evaluations": evaluations(version.metrics),
        "folds": folds_of(version.path),
        "provenance": facts(version.metrics),
    }
