import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ReportState
from labeling.desk.models import Assignment
from labeling.people.models import Labeler
from labeling.review.models.reviews import Review, Work
from labeling.writing.models import Composition


class Thread(models.Model):
    """What a labeler and those who run the work write to each other: of one piece of work, or of anything."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in its address.")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="threads", db_index=False)
    assignment = models.OneToOneField(
        Assignment,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="thread",
        help_text="The piece of work that it is about, where that was handed out.",
    )
    composition = models.OneToOneField(
        Composition,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="thread",
        help_text="The dialogue, chat or own prompt that it is about.",
    )
    labeler_unread = models.PositiveIntegerField(default=0, help_text="Messages that the labeler has not opened.")
    staff_unread = models.PositiveIntegerField(default=0, help_text="Messages that nobody of the staff has opened.")
    last_message_at = models.DateTimeField()

    class Meta:
        verbose_name = _("message thread")
        verbose_name_plural = _("message threads")
        ordering = ["-last_message_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["labeler"],
                condition=Q(assignment=None, composition=None),
                name="thread_one_about_nothing_per_labeler",
            ),
            models.CheckConstraint(
                condition=Q(assignment=None) | Q(composition=None), name="thread_about_one_thing_at_most"
            ),
        ]
        indexes = [
            models.Index(F("labeler"), F("last_message_at").desc(), name="thread_of_labeler"),
            models.Index(fields=["last_message_at"], condition=Q(staff_unread__gt=0), name="thread_unread"),
        ]

    def __str__(self) -> str:
        return gettext("Messages of %(labeler)s") % {"labeler": self.labeler}

    @property
    def about(self) -> Work | None:
        return self.assignment or self.composition


class ThreadMessage(models.Model):
    """One message of a thread. It never changes (a trigger refuses)."""

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    from_labeler = models.BooleanField()
    text = models.TextField()
    review = models.ForeignKey(
        Review,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="messages",
        help_text="The decision of which it tells.",
    )
    sent_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("message of a thread")
        verbose_name_plural = _("messages of threads")
        ordering = ["id"]
        constraints = [not_blank("text", name="thread_message_not_blank")]

    def __str__(self) -> str:
        return self.text[:60]


class BrokenTaskReport(StatefulModel):
    """A labeler says that a task can't be done as it is; an admin sets it aside or not, and the labeler is told."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="broken_reports")
    text = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=ReportState.choices, default=ReportState.OPEN)
    reported_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        verbose_name = _("report of a broken task")
        verbose_name_plural = _("reports of broken tasks")
        ordering = ["-id"]
        constraints = [
            one_of("state", ReportState, name="broken_report_state_known"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state="open"), name="broken_report_one_open_per_assignment"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_by=None, decided_at=None, answer="")
                | ~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False, answer__regex=r"\S"),
                name="broken_report_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Report %(number)s") % {"number": self.pk}
