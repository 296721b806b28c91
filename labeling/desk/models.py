import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import AssignmentKind, AssignmentState, LabelerGroup, RevisionState, SkipReason
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.versions import InstructionVersion, RubricVersion
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import RankingTask

Label = TypeVar("Label", bound=models.Model)

FIRST_SUBMISSION = Q(revision=1)
"""A label is counted once, however often it was revised."""
BY_PEOPLE = Q(simulated=False)
"""Labels of simulated labelers count nowhere unless somebody asks for them."""


class LabelQuerySet(models.QuerySet[Label]):
    """Rankings or demonstrations: which of them count, and as what."""

    same_work: tuple[str, ...]
    """The columns that all revisions of one label share."""
    real_work: Q
    """The labels of real work."""

    def of_work(self) -> Self:
        """Labels of real work: no screening, no practice, and no task that was shown again as a check.

        Everything that trains, measures a model or says how much data there is goes by these. What a labeler has done
        and is paid for goes by all.
        """
        return self.filter(self.real_work)

    def first_submissions(self) -> Self:
        """Each label once, as of the day on which its work was done: for counts of work."""
        return self.filter(FIRST_SUBMISSION)

    def last_revisions(self, *, as_of: datetime | None = None) -> Self:
        """Each label as it counts now, or as it counted at `as_of`: its last revision.

        Imported demonstrations have no labeler: SQL's NULL equals nothing, so each stands for itself.
        """
        by_then = {} if as_of is None else {"submitted_at__lte": as_of}
        later = self.model._base_manager.filter(  # noqa: SLF001  (Django's own name for it)
            **{column: OuterRef(column) for column in self.same_work}, revision__gt=OuterRef("revision"), **by_then
        )
        return self.filter(~Exists(later), **by_then)

    def of_group(self, group: LabelerGroup, *, include_simulated: bool) -> Self:
        """What reward models learn from (TRAINING), or what they are compared with (HELD_OUT)."""
        labels = self.filter(labeler_group=group)
        return labels if include_simulated else labels.filter(BY_PEOPLE)


class HeldWork(StatefulModel):
    """Work that one labeler holds: named by a token, with a draft until it is handed in or discarded, once.

    Assignments, revisions and compositions are held in the same way (services/held_work.py).
    """

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in the address.")
    draft = models.JSONField(default=dict, blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    draft_page = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="The page that saved the draft, as it named itself.",
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:  # each table has these in its own way

        @property
        def labeler(self) -> Labeler: ...

        @property
        def campaign(self) -> Campaign: ...

        @property
        def state(self) -> str: ...

        @property
        def begun_at(self) -> datetime: ...

    class Meta:
        abstract = True

    def fields(self) -> dict[str, object]:
        """Returns the fields with which the page begins."""
        return dict(self.draft)


class Assignment(HeldWork):
    """A piece of work that a labeler holds under a lease. The draft is kept here, also after the lease ran out."""

    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="assignments")
    kind = models.CharField(max_length=16, choices=AssignmentKind.choices)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="assignments")
    task = models.ForeignKey(RankingTask, null=True, blank=True, on_delete=models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=16, choices=AssignmentState.choices, default=AssignmentState.OPEN)
    instruction_version = models.ForeignKey(InstructionVersion, on_delete=models.PROTECT)
    rubric_version = models.ForeignKey(RubricVersion, null=True, blank=True, on_delete=models.PROTECT)
    shown_order = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Completion ids in the order this labeler sees."
    )
    ask_strength = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether the campaign asked how much better each rank is when this was handed out.",
    )
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    skip_reason = models.CharField(max_length=24, blank=True, choices=SkipReason.choices)
    skip_note = models.TextField(blank=True)
    returned_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When a reviewer gave it back to its labeler. Empty: never, or it was revised or answered since.",
    )

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
            # The start page lists what was returned; labeling/review looks for what was skipped as broken.
            models.Index(fields=["labeler"], condition=Q(returned_at__isnull=False), name="assignment_returned"),
            models.Index(fields=["closed_at"], condition=Q(skip_reason="broken"), name="assignment_broken"),
            # services/next_task.py asks which campaign a labeler was given work from longest ago.
            models.Index(fields=["labeler", "kind", "campaign", "id"], name="assignment_turns"),
        ]

    def __str__(self) -> str:
        return gettext("%(kind)s by %(labeler)s") % {"kind": self.get_kind_display(), "labeler": self.labeler}

    @property
    def begun_at(self) -> datetime:
        return self.claimed_at


class EarlierDraft(models.Model):
    """A draft as it was before something replaced it, so that its author can go back (services/held_work.py).

    The token is that of an assignment, a revision or a composition.
    """

    token = models.UUIDField()
    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="earlier_drafts")
    version = models.PositiveIntegerField(help_text="The version that this draft had, or that it did not become.")
    draft = models.JSONField()
    kept_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("earlier draft")
        verbose_name_plural = _("earlier drafts")
        ordering = ["-id"]
        indexes = [models.Index(fields=["token", "-id"], name="earlier_draft_by_token")]

    def __str__(self) -> str:
        return gettext("Version %(version)s of %(token)s") % {"version": self.version, "token": self.token}


class WorkingTime(models.Model):
    """Seconds at work on one piece of work, on one page, in one quarter of an hour (services/working_time.py).

    All that says how long somebody worked is a sum of these rows. The token is that of an assignment, a revision or a
    composition, whatever became of it.
    """

    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="working_times", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="working_times")
    token = models.UUIDField()
    page = models.CharField(max_length=32, blank=True, help_text="The name that the page gave itself.")
    quarter = models.DateTimeField(help_text="When the quarter of an hour began.")
    seconds = models.FloatField()
    counted = models.FloatField(help_text="What the page had counted in all when it spoke last, believed or not.")
    reported_at = models.DateTimeField()

    class Meta:
        verbose_name = _("working time")
        verbose_name_plural = _("working times")
        ordering = ["-quarter", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["token", "page", "quarter"], name="working_time_once"),
            models.CheckConstraint(condition=Q(seconds__gte=0, seconds__lte=15 * 60), name="working_time_fits"),
        ]
        indexes = [models.Index(fields=["labeler", "quarter"], name="working_time_of_labeler")]

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s by {self.labeler}"


class Revision(HeldWork):
    """A labeler's revision of something handed in: it has its own draft until it becomes the label's next revision.

    What was handed in stays as it is; the label itself is a further row of Ranking or Demonstration.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="revisions")
    state = models.CharField(max_length=16, choices=RevisionState.choices, default=RevisionState.OPEN)
    handed_in = models.JSONField(help_text="What counted when it was begun, as the fields of the page.")
    started_at = models.DateTimeField()

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["-id"]
        constraints = [
            one_of("state", RevisionState, name="revision_state_known"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state="open"), name="revision_one_open_per_assignment"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | ~Q(state="open") & Q(closed_at__isnull=False),
                name="revision_closed_at_matches_state",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Revision of: %(work)s") % {"work": self.assignment}

    @property
    def labeler(self) -> Labeler:
        return self.assignment.labeler

    @property
    def campaign(self) -> Campaign:
        return self.assignment.campaign

    @property
    def begun_at(self) -> datetime:
        return self.started_at

    def fields(self) -> dict[str, object]:
        """What the page begins with: the draft, or what was handed in where nothing has been changed yet."""
        return dict(self.draft if self.draft_version else self.handed_in)
