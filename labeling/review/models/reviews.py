import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ReviewReason, ReviewState
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.models import Assignment
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.writing.models import Composition

Work = Assignment | Composition
"""What one labeler handed in: what was handed out to them, or what they began themselves."""


class Review(StatefulModel):
    """A place in the reviewers' queue: of what one labeler handed in, or of a task that several people ranked.

    What was handed in is not touched: a fix is its next revision, and an adjudication a row of its own.
    """

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in its address.")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="reviews")
    assignment = models.ForeignKey(
        Assignment,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reviews",
        help_text="Whose ranking or demonstration is reviewed.",
    )
    composition = models.ForeignKey(
        Composition,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reviews",
        help_text="The dialogue, chat or own prompt that is reviewed.",
    )
    task = models.ForeignKey(
        RankingTask,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reviews",
        help_text="Whose rankings are to be adjudicated.",
    )
    state = models.CharField(max_length=16, choices=ReviewState.choices, default=ReviewState.WAITING)
    reasons = ArrayField(models.CharField(max_length=16, choices=ReviewReason.choices))
    urgency = models.PositiveSmallIntegerField(help_text="The place of its most urgent reason; 0 comes first.")
    note = models.TextField(blank=True, help_text="What whoever asked for it said.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now())
    follows = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="followed_by",
        help_text="The review that returned it.",
    )
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    held_until = models.DateTimeField(null=True, blank=True, help_text="Until then nobody else is given it.")
    draft = models.JSONField(default=dict, blank=True, help_text="The fields of a fix or an adjudication.")
    draft_version = models.PositiveIntegerField(default=0)
    draft_page = models.CharField(max_length=32, blank=True, default="", help_text="The page that saved the draft.")
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reviews"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    text = models.TextField(blank=True, help_text="What the reviewer said of the decision.")
    revision = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of one label: the revision that was decided on."
    )

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-id"]
        permissions = [("review_work", "Can review the work of labelers")]
        constraints = [
            one_of("state", ReviewState, name="review_state_known"),
            models.CheckConstraint(
                condition=Q(assignment__isnull=False, composition=None, task=None)
                | Q(assignment=None, composition__isnull=False, task=None)
                | Q(assignment=None, composition=None, task__isnull=False),
                name="review_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(reasons__contained_by=[reason.value for reason in ReviewReason], reasons__len__gte=1),
                name="review_reasons_known",
            ),
            # What was returned is with its labeler; nobody else decides on it meanwhile.
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state__in=["waiting", "returned"]), name="review_one_open_per_label"
            ),
            models.UniqueConstraint(
                fields=["composition"],
                condition=Q(state__in=["waiting", "returned"]),
                name="review_one_open_per_composition",
            ),
            models.UniqueConstraint(fields=["task"], condition=Q(state="waiting"), name="review_one_open_per_task"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "withdrawn"], reviewer=None, decided_at=None)
                | ~Q(state="waiting") & Q(reviewer__isnull=False, decided_at__isnull=False),
                name="review_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["returned", "answered"]) | Q(text__regex=r"\S", task=None),
                name="review_returned_says_why",
            ),
            models.CheckConstraint(
                condition=~Q(state="adjudicated") | Q(task__isnull=False), name="review_adjudicated_is_of_a_task"
            ),
        ]
        indexes = [
            models.Index(fields=["urgency", "id"], condition=Q(state="waiting"), name="review_queue"),
            models.Index(F("assignment"), F("id").desc(), name="review_of_assignment"),
        ]

    def __str__(self) -> str:
        return gettext("Review %(number)s") % {"number": self.pk}

    @property
    def work(self) -> Work | None:
        """What one labeler handed in; None of a task that several people ranked."""
        return self.assignment or self.composition


class Adjudication(models.Model):
    """A reviewer's order of a task that several people ranked. Rows are only added; the last one counts."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="adjudications")
    number = models.PositiveIntegerField(default=1)
    review = models.OneToOneField(Review, on_delete=models.PROTECT, related_name="adjudication")
    adjudicator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjudications")
    note = models.TextField(blank=True)
    none_acceptable = models.BooleanField(default=False)
    rankings = ArrayField(models.BigIntegerField(), help_text="The rankings that were looked at, by their ids.")
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("adjudication")
        verbose_name_plural = _("adjudications")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="adjudication_number_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="adjudication_number_positive"),
        ]
        indexes = [models.Index(F("decided_at"), F("id"), name="adjudication_by_time")]  # exports read in this order

    def __str__(self) -> str:
        return gettext("Adjudication %(number)s of %(task)s") % {"number": self.number, "task": self.task}


class AdjudicatedCompletion(models.Model):
    """The rank of one completion. At commit, a trigger checks that an adjudication covers its task exactly."""

    adjudication = models.ForeignKey(Adjudication, on_delete=models.PROTECT, related_name="completions")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="adjudicated")
    rank = models.PositiveSmallIntegerField(help_text="1 is best; equal ranks are a tie; no gaps.")

    class Meta:
        verbose_name = _("adjudicated completion")
        verbose_name_plural = _("adjudicated completions")
        ordering = ["adjudication", "rank", "completion"]
        constraints = [
            models.UniqueConstraint(fields=["adjudication", "completion"], name="adjudicated_completion_once"),
            models.CheckConstraint(condition=Q(rank__gte=1), name="adjudicated_completion_rank"),
        ]

    def __str__(self) -> str:
        return f"rank {self.rank}"


class ReviewProgress(models.Model):
    """How far services/planning.py has looked at what was handed in: one row for each table of it."""

    kind = models.CharField(max_length=16, unique=True)
    submitted_at = models.DateTimeField()
    label_id = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("progress of the reviews")
        verbose_name_plural = _("progress of the reviews")

    def __str__(self) -> str:
        return f"{self.kind} up to {self.submitted_at:%Y-%m-%d %H:%M:%S}"
