"""Where a labeler stands on the way from the invitation to real work."""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q

from labeling.base.states import (
    AssignmentKind,
    AssignmentState,
    CampaignStage,
    CampaignState,
    LabelerState,
    ScreeningOutcome,
)
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.versions import InstructionVersion
from labeling.campaigns.queries import has_read
from labeling.desk.models import Assignment
from labeling.onboarding.screening.models import Candidate, ScreeningDecision, SelfAssessment
from labeling.onboarding.screening.queries.candidates import decision_of
from labeling.onboarding.stages.queries import Practice, PractisedItem, Progress, practice_of, practised, progress_in
from labeling.people.models import Labeler


class Step(StrEnum):
    """In their order."""

    ACCOUNT = "account"
    ABOUT_YOU = "about_you"
    INSTRUCTIONS = "instructions"
    SCREENING = "screening"
    DECISION = "decision"
    PRACTICE = "practice"
    WORK = "work"


@dataclass(frozen=True, kw_only=True)
class ToRead:
    slug: str
    name: str
    read: bool


@dataclass(frozen=True, kw_only=True)
class Path:
    """The steps of this labeler; `now` is the one that is on, None for whoever was refused or suspended.

    `prepared`: there is a campaign of their stage and language, or it is real work that they are given.
    """

    steps: list[Step]
    done: set[Step]
    now: Step | None
    prepared: bool
    to_read: list[ToRead]
    rankings: Progress
    writing: Progress
    practice: Practice
    practising: Progress
    practised: list[PractisedItem]
    decision: ScreeningDecision | None
    work_done: int

    @property
    def is_refused(self) -> bool:
        return self.decision is not None and self.decision.outcome == ScreeningOutcome.REFUSED

    @property
    def asked_for_more(self) -> str:
        """What the admin wrote who asked for more, while it is the last word."""
        if self.decision is None or self.decision.outcome != ScreeningOutcome.MORE:
            return ""
        return self.decision.text


def was_refused(labeler: Labeler) -> bool:
    """Whether a refusal is the last that was decided about them."""
    decision = decision_of(labeler)
    return decision is not None and decision.outcome == ScreeningOutcome.REFUSED


def path_of(labeler: Labeler) -> Path:
    state = LabelerState(labeler.state)
    screened = state in (LabelerState.INVITED, LabelerState.SCREENING) or _is_candidate(labeler)
    practice = practice_of(labeler)
    rankings = progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.RANKING)
    writing = progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.DEMONSTRATION)
    to_read = _to_read(labeler)
    work_done = Assignment.objects.filter(
        labeler=labeler, campaign__stage=CampaignStage.WORK, state=AssignmentState.SUBMITTED
    ).count()
    steps = [
        step
        for step in Step
        if screened or step not in {Step.ABOUT_YOU, Step.SCREENING, Step.DECISION}
        if state != LabelerState.ACTIVE or practice.done or step != Step.PRACTICE
    ]
    done = _done(labeler, rankings=rankings, writing=writing, to_read=to_read, work_done=work_done)
    on = state not in (LabelerState.SUSPENDED, LabelerState.INVITED)
    return Path(
        steps=steps,
        done=done,
        now=next((step for step in steps if step not in done), None) if on else None,
        prepared=bool(to_read) or state == LabelerState.ACTIVE,
        to_read=to_read,
        rankings=rankings,
        writing=writing,
        practice=practice,
        practising=progress_in(labeler, CampaignStage.PRACTICE, AssignmentKind.RANKING),
        practised=practised(labeler),
        decision=_decision(labeler),
        work_done=work_done,
    )


def _done(
    labeler: Labeler, *, rankings: Progress, writing: Progress, to_read: list[ToRead], work_done: int
) -> set[Step]:
    done = {Step.ACCOUNT}
    if SelfAssessment.objects.filter(labeler=labeler).exists():
        done.add(Step.ABOUT_YOU)
    if to_read and all(each.read for each in to_read):
        done.add(Step.INSTRUCTIONS)
    if rankings.done + writing.done and not rankings.left + writing.left:
        done.add(Step.SCREENING)
    decision = decision_of(labeler)
    was_admitted = decision is not None and decision.outcome == ScreeningOutcome.ADMITTED
    if labeler.state in (LabelerState.PRACTICE, LabelerState.ACTIVE) or (
        labeler.state == LabelerState.SUSPENDED and was_admitted
    ):
        # Whoever was let in by another door is past all that stands before it.
        done |= {Step.ABOUT_YOU, Step.SCREENING, Step.DECISION}
    if labeler.state == LabelerState.ACTIVE:
        done |= {Step.INSTRUCTIONS, Step.PRACTICE}
    if work_done:
        done.add(Step.WORK)
    return done


def _decision(labeler: Labeler) -> ScreeningDecision | None:
    """The last one; whoever was refused and is let in again is not told of it any more."""
    return None if was_refused(labeler) and labeler.state != LabelerState.SUSPENDED else decision_of(labeler)


def _is_candidate(labeler: Labeler) -> bool:
    return Candidate.objects.filter(labeler=labeler).exists()


def _to_read(labeler: Labeler) -> list[ToRead]:
    """The instructions of the open campaigns of their stage, each with whether the last version was read."""
    if labeler.works_in is None:
        return []
    campaigns = Campaign.objects.filter(
        Q(languages__overlap=labeler.languages),
        stage=labeler.works_in,
        state=CampaignState.ACTIVE,
        simulated=labeler.simulated,
    )
    latest = InstructionVersion.objects.filter(campaign__in=campaigns).order_by("campaign_id", "-version")
    return [
        ToRead(slug=version.campaign.slug, name=version.campaign.name, read=has_read(labeler, version.pk))
        for version in latest.distinct("campaign_id").select_related("campaign")
    ]
