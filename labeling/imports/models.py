from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ImportState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.imports.rules.outcome import ImportResult

RUNNING = Q(state__in=[ImportState.CHECKING.value, ImportState.IMPORTING.value])
"""Imports that wait for a worker, or have one."""


class PromptImport(StatefulModel):
    """A file on its way into a campaign: uploaded, checked, and taken in; it can be undone while nobody used it."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="imports")
    state = models.CharField(max_length=16, choices=ImportState.choices, default=ImportState.CHECKING)
    file_name = models.CharField(max_length=255)
    dataset = models.CharField(max_length=200, blank=True, help_text=_("Where the file is from; in exports."))
    licence = models.CharField(max_length=200, blank=True, help_text=_("Under which it may be used; in exports."))
    options = models.JSONField(default=dict, help_text="What was chosen for the file: defaults, columns, what to take.")
    keep_good = models.BooleanField(default=False, help_text=_("Refused lines are left out, and the others come in."))
    upload = models.CharField(max_length=64, blank=True, help_text="The name of the kept file under VAR_DIR/uploads.")
    size = models.BigIntegerField(default=0, help_text=_("Bytes of the file."))
    bytes_read = models.BigIntegerField(default=0, help_text="Of the file, in the pass that runs.")
    result = models.JSONField(null=True, blank=True, help_text="What the last pass would add, or added, and refused.")
    error = models.TextField(blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was asked, or last at work.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]
        constraints = [
            one_of("state", ImportState, name="import_state_known"),
            models.CheckConstraint(
                condition=~Q(state__in=["done", "undone"]) | Q(finished_at__isnull=False), name="import_done_has_a_time"
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="import_failed_says_why"),
        ]
        indexes = [models.Index(fields=["dispatched_at"], condition=RUNNING, name="import_running")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.file_name}"

    def outcome(self) -> ImportResult | None:
        return ImportResult.from_json(self.result) if self.result is not None else None


class ImportedRanking(models.Model):
    """An order of 2 to 9 answers to a prompt that somebody made elsewhere. It is nobody's work here. Never changes."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="imported_rankings")
    prompt_import = models.ForeignKey(PromptImport, on_delete=models.PROTECT, related_name="rankings")
    line = models.PositiveIntegerField(help_text="Of the file, from 1.")
    completions = models.JSONField(help_text="List of {text, model, rank}; 1 is best, equal ranks are a tie, no gaps.")
    strengths = ArrayField(models.PositiveSmallIntegerField(), null=True, blank=True)
    annotator = models.CharField(max_length=200, blank=True, help_text="Who made it, as the file names them.")
    content_key = models.CharField(max_length=64, help_text="sha256 of what it says: the same one is taken once.")

    class Meta:
        verbose_name = _("existing comparison")
        verbose_name_plural = _("existing comparisons")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "content_key"], name="imported_ranking_once"),
        ]

    def __str__(self) -> str:
        return gettext("Existing comparison %(number)s") % {"number": self.pk}
