import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from labeling.models.campaign import Campaign, InstructionVersion, RubricVersion
from labeling.models.choices import choices, one_of
from labeling.models.labeler import Labeler
from labeling.models.prompt import Prompt
from labeling.models.task import RankingTask
from labeling.states import AssignmentKind, AssignmentState, SkipReason


class Assignment(models.Model):
    """Who holds which work until when. The draft lives here and outlives the lease."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in the address.")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="assignments")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="assignments")
    kind = models.CharField(max_length=16, choices=choices(AssignmentKind))
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="assignments")
    task = models.ForeignKey(RankingTask, null=True, blank=True, on_delete=models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=16, choices=choices(AssignmentState), default=AssignmentState.OPEN)
    instruction_version = models.ForeignKey(InstructionVersion, on_delete=models.PROTECT)
    rubric_version = models.ForeignKey(RubricVersion, null=True, blank=True, on_delete=models.PROTECT)
    shown_order = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Completion ids in the order this labeler sees."
    )
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    draft = models.JSONField(default=dict, blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=24, blank=True, choices=choices(SkipReason))
    skip_note = models.TextField(blank=True)

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["-id"]
        constraints = [
            one_of("kind", AssignmentKind, name="assignment_kind_known"),
            one_of("state", AssignmentState, name="assignment_state_known"),
            models.UniqueConstraint(
                fields=["labeler", "kind"], condition=Q(state="open"), name="assignment_one_open_per_labeler_and_kind"
            ),
            # A labeler meets a piece of work once; a lapsed assignment is taken up again, never doubled.
            models.UniqueConstraint(
                fields=["task", "labeler"], condition=Q(kind="ranking"), name="assignment_task_once_per_labeler"
            ),
            models.UniqueConstraint(
                fields=["prompt", "labeler"],
                condition=Q(kind="demonstration"),
                name="assignment_prompt_once_per_labeler",
            ),
            models.CheckConstraint(
                condition=Q(kind="ranking", task__isnull=False, rubric_version__isnull=False)
                | Q(kind="demonstration", task=None),
                name="assignment_kind_has_its_work",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | ~Q(state="open") & Q(closed_at__isnull=False),
                name="assignment_closed_at_matches_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="skipped") | Q(skip_reason__in=[reason.value for reason in SkipReason]),
                name="assignment_skip_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="assignment_open_by_expiry"),
            models.Index(F("labeler"), F("closed_at").desc(), name="assignment_history"),  # queries/history.py
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.labeler}"
