from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import ScreeningOutcome, SensitiveTopic
from labeling.desk.demonstrating.models import Demonstration
from labeling.people.models import Labeler

LOWEST_GRADE, HIGHEST_GRADE = 1, 7


class Candidate(models.Model):
    """Somebody who is screened, under a number: whoever decides sees what they did and not who they are."""

    labeler = models.OneToOneField(Labeler, on_delete=models.PROTECT, related_name="candidate")
    number = models.PositiveIntegerField(unique=True, editable=False)
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        ordering = ["-since", "-id"]

    def __str__(self) -> str:
        return gettext("Candidate %(number)s") % {"number": self.number}


class SelfAssessment(models.Model):
    """What somebody says they can judge: "For what topics or cultural groups are you comfortable identifying sensitive
    speech?" (InstructGPT, App. B.1).
    """

    labeler = models.OneToOneField(Labeler, on_delete=models.PROTECT, related_name="self_assessment")
    topics = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    groups = models.TextField(blank=True, help_text="Cultural groups, in their own words.")
    note = models.TextField(blank=True)
    written_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("self-assessment")
        verbose_name_plural = _("self-assessments")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(topics__contained_by=[topic.value for topic in SensitiveTopic]),
                name="self_assessment_topics_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Self-assessment {self.pk}"


class Grade(models.Model):
    """What a reviewer, who does not see the author, thinks of a demonstration that was written in screening."""

    demonstration = models.ForeignKey(Demonstration, on_delete=models.PROTECT, related_name="grades")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    grade = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(LOWEST_GRADE), MaxValueValidator(HIGHEST_GRADE)]
    )
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("grade")
        verbose_name_plural = _("grades")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["demonstration", "reviewer"], name="grade_once_per_reviewer"),
            models.CheckConstraint(condition=Q(grade__gte=LOWEST_GRADE, grade__lte=HIGHEST_GRADE), name="grade_range"),
        ]

    def __str__(self) -> str:
        return f"Grade of demonstration {self.demonstration_id}"


class ScreeningDecision(models.Model):
    """What was decided about a candidate, with the numbers as they were then. It never changes; the last one holds."""

    candidate = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=16, choices=ScreeningOutcome.choices)
    text = models.TextField(blank=True, help_text="What the candidate is told.")
    evidence = models.JSONField(default=dict, help_text="Measures by name, as they stood.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("screening decision")
        verbose_name_plural = _("screening decisions")
        ordering = ["-id"]
        constraints = [one_of("outcome", ScreeningOutcome, name="screening_decision_outcome_known")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.candidate}"
