"""Django's admin as the place from which the whole job is run: one file a noun."""

from labeling.admin import (
    accounts,
    assignments,
    campaigns,
    compositions,
    demonstrations,
    doubtful_labels,
    labelers,
    model_versions,
    prompts,
    rankings,
    revisions,
    scoring_requests,
    snapshots,
    tasks,
    training_runs,
)

__all__ = [
    "accounts",
    "assignments",
    "campaigns",
    "compositions",
    "demonstrations",
    "doubtful_labels",
    "labelers",
    "model_versions",
    "prompts",
    "rankings",
    "revisions",
    "scoring_requests",
    "snapshots",
    "tasks",
    "training_runs",
]
