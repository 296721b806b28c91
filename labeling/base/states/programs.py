"""What programs may ask for over the API, which events they are told of, and the states of both."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ScoringState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class ApiScope(models.TextChoices):
    """What an API token is for. The account behind it needs the permission as well."""

    CAMPAIGNS_READ = "campaigns:read", _("Campaigns and their progress: read")
    PROMPTS_READ = "prompts:read", _("Prompts: read")
    PROMPTS_WRITE = "prompts:write", _("Prompts: add")
    SNAPSHOTS_READ = "snapshots:read", _("Snapshots: list and download")
    SNAPSHOTS_WRITE = "snapshots:write", _("Snapshots: make")
    MODELS_READ = "models:read", _("Model versions, training runs and evaluations: read")
    LABELERS_READ = "labelers:read", _("Labelers and skills: read")
    LABELERS_WRITE = "labelers:write", _("Labelers: set languages and skills")
    SCORES = "scores", _("Rewards: ask for them")
    WEBHOOKS = "webhooks", _("Webhooks: set up and remove")
    CHAT = "chat", _("The current policy: ask it for answers")


class WebhookEvent(models.TextChoices):
    RANKING_SUBMITTED = "ranking.submitted", _("A ranking was handed in")
    SNAPSHOT_CREATED = "snapshot.created", _("A snapshot was made")
    RUN_ENDED = "training_run.ended", _("A training run ended")
    POLICY_RUN_ENDED = "policy_run.ended", _("A policy run ended")
    EVALUATION_ENDED = "evaluation.ended", _("An evaluation ended")
    MODEL_PROMOTED = "model.promoted", _("A model was promoted")
    ALERT_OPENED = "alert.opened", _("Something went wrong")
    ALERT_CLOSED = "alert.closed", _("What went wrong is over")


class DeliveryState(models.TextChoices):
    """FAILED: given up after the last attempt."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
