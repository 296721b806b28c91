import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.campaign import Campaign, InstructionVersion
from labeling.models.choices import choices, one_of
from labeling.models.labeler import Labeler
from labeling.states import CompositionKind, CompositionState


class Composition(models.Model):
    """A piece of writing that a labeler begins by themself, not handed out from a queue: nobody else waits for it."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in the address.")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="compositions")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="compositions")
    kind = models.CharField(max_length=16, choices=choices(CompositionKind))
    state = models.CharField(max_length=16, choices=choices(CompositionState), default=CompositionState.OPEN)
    ranking = models.OneToOneField(
        "labeling.Ranking",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="edit_writing",
        help_text="Whose best completion is improved; of edits alone.",
    )
    instruction_version = models.ForeignKey(InstructionVersion, on_delete=models.PROTECT)
    draft = models.JSONField(default=dict, blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    active_seconds = models.FloatField(null=True, blank=True)

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
        ]
        indexes = [
            # The start page lists what a labeler has begun (queries/compositions.py).
            models.Index(fields=["labeler", "-id"], condition=Q(state="open"), name="composition_open")
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.labeler}"
