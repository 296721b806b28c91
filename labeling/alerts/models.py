"""What is wrong: when it began, whom it was told, when it was over. And which programs are alive."""

from typing import TypedDict

from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import AlertKind


class Words(TypedDict):
    """What a notice says in one language."""

    text: str
    detail: str


class Incident(models.Model):
    """One trouble from its first sign to its end. While it lasts there is one row, however often it is looked at.

    `told_at` is what webhooks go by (migration 0002): a silenced incident is told when the silence is over, if it still
    lasts, and one that is over before PATIENCE (services/watch.py) is never told.
    """

    kind = models.CharField(max_length=32, choices=AlertKind.choices)
    subject = models.CharField(max_length=200, blank=True, help_text="What it is about, to know it by: campaign 5.")
    words: models.JSONField[dict[str, Words]] = models.JSONField(help_text="By language of the interface.")
    link = models.CharField(max_length=500, blank=True, help_text="The page where something can be done about it.")
    opened_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    emailed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-id"]
        constraints = [
            one_of("kind", AlertKind, name="incident_kind_known"),
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(closed_at=None), name="incident_open_once"),
            models.CheckConstraint(
                condition=Q(emailed_at=None) | Q(told_at__isnull=False), name="incident_emailed_is_told"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Silence(models.Model):
    """Alerts of a kind are told to nobody until then. They are still on the front page and in the list."""

    kind = models.CharField(max_length=32, choices=AlertKind.choices)
    until = models.DateTimeField()
    reason = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("silence")
        verbose_name_plural = _("silences")
        ordering = ["-until"]
        constraints = [
            one_of("kind", AlertKind, name="silence_kind_known"),
            models.CheckConstraint(condition=Q(until__gt=F("created_at")), name="silence_ends_later"),
        ]

    def __str__(self) -> str:
        return gettext("%(kind)s until %(moment)s") % {
            "kind": self.get_kind_display(),
            "moment": f"{self.until:%Y-%m-%d %H:%M}",
        }


class Gpu(TypedDict):
    """As nvidia-smi says it: memory in MiB, use in percent."""

    name: str
    memory_used: int
    memory_total: int
    use: int


class WorkerSign(models.Model):
    """A worker that is up, or was when it was last heard of. One that is stopped in order takes its row away."""

    name = models.CharField(max_length=255, help_text="As Celery names it: celery@host.")
    queues = models.CharField(max_length=200, help_text="Which it serves, with commas between.")
    at = models.DateTimeField(help_text="When it was last heard of.")
    gpus: models.JSONField[list[Gpu]] = models.JSONField(default=list)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["name", "queues"]
        constraints = [models.UniqueConstraint(fields=["name", "queues"], name="worker_sign_unique")]

    def __str__(self) -> str:
        return f"{self.name} ({self.queues})"
