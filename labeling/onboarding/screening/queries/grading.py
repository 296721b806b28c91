"""Demonstrations that wait for a reviewer's grade."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, QuerySet

from labeling.base.language import in_language
from labeling.base.messages import Turn, turns_of
from labeling.base.states import LabelerState
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.desk.demonstrating.models import Demonstration
from labeling.onboarding.screening.models import Grade
from labeling.onboarding.screening.queries.candidates import demonstrations_of_screening


@dataclass(frozen=True, kw_only=True)
class ToGrade:
    """A demonstration without its author."""

    pk: int
    campaign: str
    language: str
    turns: list[Turn]
    text: str
    instructions: str
    """Markdown, in the reader's language: what whoever wrote it was told."""
    grade: Grade | None
    """The reader's own, given before."""


def gradable_by(reviewer: User) -> QuerySet[Demonstration]:
    """Demonstrations of those who are screened now, in the campaigns that the reviewer sees; never their own."""
    written = demonstrations_of_screening().filter(labeler__state=LabelerState.SCREENING, source="labeler")
    return within_campaigns_of(reviewer, written.exclude(labeler__user=reviewer), "prompt__campaign")


def ungraded_by(reviewer: User) -> QuerySet[Demonstration]:
    """What the reviewer has not graded, first what fewest have, then the oldest."""
    own = Grade.objects.filter(demonstration=OuterRef("pk"), reviewer=reviewer)
    waiting = gradable_by(reviewer).filter(~Exists(own)).annotate(graded=Count("grades"))
    return waiting.order_by("graded", "submitted_at", "pk")


def to_grade(demonstration: Demonstration, reviewer: User, *, interface_language: str) -> ToGrade:
    instructions = demonstration.instruction_version
    return ToGrade(
        pk=demonstration.pk,
        campaign=demonstration.prompt.campaign.name,
        language=demonstration.prompt.language,
        turns=turns_of(demonstration.prompt.messages),
        text=demonstration.text,
        instructions=in_language(instructions.body, interface_language) if instructions else "",
        grade=Grade.objects.filter(demonstration=demonstration, reviewer=reviewer).first(),
    )
