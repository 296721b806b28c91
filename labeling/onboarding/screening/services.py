"""Candidates: numbered, assessed by themselves, graded by reviewers, decided about by an admin."""

import secrets
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.refusals import ScreeningRefused
from labeling.base.states import LabelerState, ScreeningOutcome, SensitiveTopic
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.services.leases import suspend_labeler
from labeling.onboarding.screening.models import Candidate, Grade, ScreeningDecision, SelfAssessment
from labeling.onboarding.screening.queries.candidates import numbers_taken, screened_without_number
from labeling.onboarding.screening.queries.evidence import Evidence, evidence_of
from labeling.onboarding.screening.queries.grading import gradable_by
from labeling.people.models import Labeler
from labeling.people.roles.queries import may_review
from labeling.people.services import change_labeler_state

FIRST_NUMBER, LAST_NUMBER = 10_000, 99_999_999
"""Drawn by chance, so that nobody tells from a number who came when."""


@transaction.atomic
def number_candidate(labeler: Labeler) -> Candidate:
    """Whoever was screened before keeps their number."""
    Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    known = Candidate.objects.filter(labeler=labeler).first()
    if known is not None:
        return known
    drawn = [FIRST_NUMBER + secrets.randbelow(LAST_NUMBER - FIRST_NUMBER + 1) for _ in range(20)]
    free = [number for number in drawn if number not in numbers_taken(drawn)]
    return Candidate.objects.create(labeler=labeler, number=free[0])


def number_candidates() -> int:
    """Everybody who came into screening by whichever door; returns how many were new."""
    return len([number_candidate(labeler) for labeler in screened_without_number()])


@transaction.atomic
def assess_oneself(*, labeler: Labeler, topics: Sequence[SensitiveTopic], groups: str, note: str) -> SelfAssessment:
    """What the labeler says of themselves, in place of what they said before."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    said = {"topics": sorted(set(topics)), "groups": groups.strip(), "note": note.strip()}
    written, _made = SelfAssessment.objects.update_or_create(labeler=labeler, defaults=said)
    return written


@transaction.atomic
def grade_demonstration(*, demonstration: Demonstration, reviewer: User, grade: int, note: str = "") -> Grade:
    """1 to 7; a second grade of the same reviewer replaces the first.

    Raises ScreeningRefused: they may not review, it is their own, it was revised, or its author is screened no more.
    """
    if not may_review(reviewer):
        raise ScreeningRefused("This account grades nothing: ask an admin for the role of a reviewer.")
    if not gradable_by(reviewer).filter(pk=demonstration.pk).exists():
        raise ScreeningRefused(
            "This demonstration can't be graded by you now: it is your own, it was revised meanwhile, or a decision "
            "was made. Take the next one."
        )
    given, _made = Grade.objects.update_or_create(
        demonstration=demonstration, reviewer=reviewer, defaults={"grade": grade, "note": note.strip()}
    )
    return given


@transaction.atomic
def decide(*, candidate: Candidate, outcome: ScreeningOutcome, text: str, by: User) -> ScreeningDecision:
    """Admits to practice, refuses, or asks for more; keeps the evidence as it stands. Cutoffs are soft: none decides.

    Raises ScreeningRefused: the candidate is screened no more, or nothing is left for them to do more of.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=candidate.labeler_id)
    if labeler.state != LabelerState.SCREENING:
        raise ScreeningRefused(f"{candidate} is no longer in screening. Somebody decided meanwhile; reload the page.")
    evidence = evidence_of(labeler, interface_language="en")
    if outcome == ScreeningOutcome.MORE and not evidence.left:
        raise ScreeningRefused(
            f"{candidate} has done all that there is. Add items to the screening campaign first, then ask for more."
        )
    decision = ScreeningDecision.objects.create(
        candidate=candidate, outcome=outcome, text=text.strip(), evidence=_as_it_stands(evidence), by=by
    )
    if outcome == ScreeningOutcome.ADMITTED:
        change_labeler_state(labeler=labeler, state=LabelerState.PRACTICE)
    elif outcome == ScreeningOutcome.REFUSED:
        suspend_labeler(labeler=labeler)
    return decision


def _as_it_stands(evidence: Evidence) -> dict[str, object]:
    return {
        "pairs": evidence.pairs.record(),
        "flags": evidence.flags.record(),
        "grade": evidence.grade.record(),
        "items": len(evidence.items),
        "skipped": evidence.skipped,
        "left": evidence.left,
    }


def forget_assessments_of_closed_accounts() -> None:
    """What people said of themselves goes with their account."""
    SelfAssessment.objects.filter(labeler__user__is_active=False).delete()
