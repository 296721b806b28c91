"""Django's admin as the place from which the whole job is run: one file a noun."""

from labeling.base.admin import accounts
from labeling.campaigns.admin import campaigns, prompts
from labeling.desk.admin import assignments, revisions
from labeling.desk.demonstrating import admin as demonstrations
from labeling.desk.ranking import admin as rankings
from labeling.exports import admin as snapshots
from labeling.people import admin as labelers
from labeling.ranking_tasks import admin as tasks
from labeling.rewards import admin as doubtful_labels
from labeling.rewards import admin as scoring_requests
from labeling.training.admin import model_versions, training_runs
from labeling.writing import admin as compositions

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
