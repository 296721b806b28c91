"""What can go wrong."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AlertKind(models.TextChoices):
    """What can go wrong, as it is told and silenced."""

    QUEUE_EMPTY = "queue_empty", _("A campaign has nothing to rank")
    WORKER_GONE = "worker_gone", _("A worker is gone")
    WORK_FAILS = "work_fails", _("Workers fail again and again")
    MODEL_UNUSABLE = "model_unusable", _("A model can't be used")
    RETRAINING_FAILED = "retraining_failed", _("A training run failed")
    AGREEMENT_DOWN = "agreement_down", _("Agreement between labelers went down")
    SENTINEL_MOVED = "sentinel_moved", _("Labelers judge a sentinel otherwise than before")
    GOLD_FAILED = "gold_failed", _("A labeler fails gold items")
    DISK_LOW = "disk_low", _("A disk is almost full")
    REDIS_DOWN = "redis_down", _("Redis can't be reached")
