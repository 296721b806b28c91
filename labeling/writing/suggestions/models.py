import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import SuggestionFailure, SuggestionOutcome, SuggestionState
from labeling.campaigns.models.campaigns import MOST_SUGGESTIONS
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.completions import Drawn
from labeling.writing.models import Composition, Message


class SuggestionRequest(StatefulModel):
    """A labeler at work asks the current model what the assistant could say next. Somebody waits for it."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in the page.")
    composition = models.ForeignKey(Composition, on_delete=models.PROTECT, related_name="suggestion_requests")
    position = models.PositiveIntegerField(help_text="Of the turn that was asked for, from 1, when it was asked for.")
    messages = models.JSONField(help_text="What came before it then: list of {role, content}.")
    wanted = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=SuggestionState.choices, default=SuggestionState.WAITING)
    failure = models.CharField(max_length=16, blank=True, choices=SuggestionFailure.choices)
    failure_note = models.TextField(blank=True)
    temperature = models.FloatField()
    top_p = models.FloatField()
    max_new_tokens = models.PositiveIntegerField()
    seed = models.BigIntegerField(help_text="Of the first sample; each further one takes the next number.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Samples drawn, also those not kept.")
    asked_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked for it.")
    worker = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("suggestion request")
        verbose_name_plural = _("suggestion requests")
        ordering = ["-id"]
        constraints = [
            one_of("state", SuggestionState, name="suggestion_request_state_known"),
            # Nobody waits for two at once: a new request gives the earlier one up.
            models.UniqueConstraint(
                fields=["composition"], condition=Q(state="waiting"), name="suggestion_request_one_waiting"
            ),
            models.CheckConstraint(
                condition=Q(wanted__gte=1, wanted__lte=MOST_SUGGESTIONS), name="suggestion_request_wanted_range"
            ),
            models.CheckConstraint(
                condition=Q(state="failed", failure__in=[failure.value for failure in SuggestionFailure])
                | ~Q(state="failed") & Q(failure=""),
                name="suggestion_request_failed_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", finished_at=None) | ~Q(state="waiting") & Q(finished_at__isnull=False),
                name="suggestion_request_finished_at_matches_state",
            ),
        ]
        indexes = [
            # Beat sends again what no worker answered, and gives up what was waited for too long.
            models.Index(F("asked_at"), condition=Q(state="waiting"), name="suggestion_request_waiting")
        ]

    def __str__(self) -> str:
        return gettext("Suggestion request %(number)s") % {"number": self.pk}


class Suggestion(Drawn):
    """One thing that the model suggested, and what became of it. Its text never changes (a trigger refuses)."""

    request = models.ForeignKey(SuggestionRequest, on_delete=models.PROTECT, related_name="suggestions")
    number = models.PositiveSmallIntegerField()
    text = models.TextField()
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="suggestions")
    seed = models.BigIntegerField()
    token_count = models.PositiveIntegerField()
    finish_reason = models.CharField(max_length=16)
    mean_logprob = models.FloatField()
    arrived_at = models.DateTimeField(auto_now_add=True)
    shown_at = models.DateTimeField(null=True, blank=True, help_text="When the labeler's page first had it.")
    outcome = models.CharField(max_length=16, blank=True, choices=SuggestionOutcome.choices)
    edit_distance = models.PositiveIntegerField(
        null=True, blank=True, help_text="Levenshtein distance in characters from here to the turn that it became."
    )
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.PROTECT, related_name="suggestion", help_text="What it became."
    )

    class Meta:
        verbose_name = _("suggestion")
        verbose_name_plural = _("suggestions")
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="suggestion_number_unique"),
            one_of("outcome", ("", *SuggestionOutcome), name="suggestion_outcome_known"),
            not_blank("text", name="suggestion_not_blank"),
            models.CheckConstraint(
                condition=Q(outcome="used", message__isnull=False, edit_distance=0)
                | Q(outcome="edited", message__isnull=False, edit_distance__gt=0)
                | Q(outcome__in=["", "dismissed"], message=None, edit_distance=None),
                name="suggestion_outcome_matches_its_message",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]
