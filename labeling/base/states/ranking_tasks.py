"""The states of ranking tasks and of the sampling of their completions."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TaskState(models.TextChoices):
    """SAMPLING: its completions are being made. SET_ASIDE: can't be ranked, the reason is stored."""

    SAMPLING = "sampling", _("Sampling")
    READY = "ready", _("Ready")
    DONE = "done", _("Done")
    SET_ASIDE = "set_aside", _("Set aside")


class SamplingState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class SamplingFailure(models.TextChoices):
    """Why a sampling run failed."""

    PROMPT = "prompt", _("The prompt does not fit the model")
    MODEL = "model", _("The model computes nothing usable")
    MEMORY = "memory", _("Out of memory")
    UNREACHABLE = "unreachable", _("The model or its server can't be sampled from")
    WORKER_DIED = "worker_died", _("The worker died")
    OTHER = "other", _("Something else")
