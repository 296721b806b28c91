from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.states import CompositionKind, CompositionState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.versions import InstructionVersion
from labeling.campaigns.rules.use_cases import statements_in
from labeling.desk.models import HeldWork
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler


class Composition(HeldWork):
    """A piece of writing that a labeler begins by themself, not handed out from a queue: nobody else waits for it."""

    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="compositions")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="compositions")
    kind = models.CharField(max_length=16, choices=CompositionKind.choices)
    state = models.CharField(max_length=16, choices=CompositionState.choices, default=CompositionState.OPEN)
    ranking = models.OneToOneField(
        "labeling.Ranking",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="edit_writing",
        help_text="Whose best completion is improved; of edits alone.",
    )
    instruction_version = models.ForeignKey(InstructionVersion, on_delete=models.PROTECT)
    languages = ArrayField(
        models.CharField(max_length=16),
        default=list,
        help_text="Codes that it may be written in: those that campaign and labeler shared when it was begun.",
    )
    use_case_statements = models.JSONField(
        default=list, blank=True, help_text="What the campaign showed for own prompts when it was begun."
    )
    started_at = models.DateTimeField()
    active_seconds = models.FloatField(null=True, blank=True)
    returned_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When a reviewer gave it back to its labeler. Empty: never, or it was revised or answered since.",
    )

    class Meta:
        verbose_name = _("composition")
        verbose_name_plural = _("compositions")
        ordering = ["-id"]
        constraints = [
            one_of("kind", CompositionKind, name="composition_kind_known"),
            one_of("state", CompositionState, name="composition_state_known"),
            models.CheckConstraint(
                condition=Q(kind="edit", ranking__isnull=False) | ~Q(kind="edit") & Q(ranking=None),
                name="composition_edits_a_ranking",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | ~Q(state="open") & Q(closed_at__isnull=False),
                name="composition_closed_at_matches_state",
            ),
            models.CheckConstraint(
                condition=Q(active_seconds=None) | Q(active_seconds__gte=0), name="composition_active_seconds"
            ),
            models.CheckConstraint(
                condition=Q(returned_at=None) | Q(state="submitted"), name="composition_returned_was_submitted"
            ),
        ]
        indexes = [
            # The start page lists what a labeler has begun (queries/compositions.py).
            models.Index(fields=["labeler", "-id"], condition=Q(state="open"), name="composition_open"),
            models.Index(fields=["labeler"], condition=Q(returned_at__isnull=False), name="composition_returned"),
            # labeling/review goes through what was handed in, in this order.
            models.Index(fields=["closed_at", "id"], condition=Q(state="submitted"), name="composition_by_time"),
        ]

    def __str__(self) -> str:
        return gettext("%(kind)s by %(labeler)s") % {"kind": self.get_kind_display(), "labeler": self.labeler}

    @property
    def begun_at(self) -> datetime:
        return self.started_at

    def statements(self, language: str | None = None) -> list[str]:
        """The use cases shown for it: those in that language where there are any, otherwise all."""
        return statements_in(self.use_case_statements, language)


ROLES = ("system", "user", "assistant")
AUTHOR_TYPES = ("human", "model")


class Conversation(models.Model):
    """A dialogue that a labeler wrote, or had with the current model. Once it is handed in nothing is added to it."""

    composition = models.OneToOneField(
        Composition, null=True, blank=True, on_delete=models.PROTECT, related_name="conversation"
    )
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="conversations")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="conversations")
    language = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["id"]
        constraints = [not_blank("language", name="conversation_language_not_blank")]

    def __str__(self) -> str:
        return gettext("Conversation %(number)s") % {"number": self.pk}


class Message(models.Model):
    """One turn, with who wrote it (ChatGPT's data collection, FACTS §6). It never changes (a trigger refuses).

    A turn that takes a suggestion of the model word for word is written by that model; one that edits it by a person.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="messages")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=16)
    content = models.TextField()
    author_type = models.CharField(max_length=8)
    model_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["conversation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_position_unique"),
            one_of("role", ROLES, name="message_role_known"),
            one_of("author_type", AUTHOR_TYPES, name="message_author_type_known"),
            not_blank("content", name="message_content_not_blank"),
            models.CheckConstraint(
                condition=Q(author_type="human", model_version=None)
                | Q(author_type="model", model_version__isnull=False, role="assistant"),
                name="message_model_written_names_its_model",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"
