"""What labelers did in screening or practice, and what is left for them there."""

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from labeling.base.states import AssignmentKind, AssignmentState, CampaignStage, CampaignState, CheckKind, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.models import Assignment
from labeling.desk.queries.available import available_by_campaign
from labeling.onboarding.stages.models import StageSettings
from labeling.onboarding.stages.rules import Pairs, agreement_of_last
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check

MOST_ITEMS = 1000
"""Of one campaign are counted: more than anybody is screened by."""
FREE_AGAIN = {
    AssignmentKind.RANKING: Q(
        task__state=TaskState.READY, task__rankings_needed__gt=F("task__rankings_open") + F("task__rankings_done")
    ),
    AssignmentKind.DEMONSTRATION: Q(
        prompt__set_aside_reason="",
        prompt__demonstrations_needed__gt=F("prompt__demonstrations_open") + F("prompt__demonstrations_done"),
    ),
}
"""Of assignments whose lease ran out: there is a place to go on with them, for they were not retired meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Pieces of one kind of work in one stage. `left`: begun, or there to be taken now. `begun`: tokens of what is
    held, or was left with a draft and can be taken up again.
    """

    done: int
    left: int
    begun: list[str]

    @property
    def total(self) -> int:
        return self.done + self.left


@dataclass(frozen=True, kw_only=True)
class Practice:
    """`done` gold items of practice were ranked. It ends by itself where the last `items` of a campaign agree to
    `wanted` percent; `agreement` is None before there are so many.
    """

    done: int
    items: int
    wanted: int
    agreement: float | None

    @property
    def is_enough(self) -> bool:
        return self.agreement is not None and self.agreement >= self.wanted


@dataclass(frozen=True, kw_only=True)
class PractisedItem:
    """The right answer to it is at the address of its token."""

    token: str
    pairs: int
    pairs_held: int
    passed: bool


RESULTS_SHOWN = 50


def practised(labeler: Labeler) -> list[PractisedItem]:
    """What the labeler ranked in practice, the last first."""
    return [
        PractisedItem(token=str(token), pairs=pairs, pairs_held=held, passed=bool(passed))
        for token, pairs, held, passed in _of_practice(labeler).values_list(
            "ranking__assignment__token", "pairs", "pairs_held", "passed"
        )[:RESULTS_SHOWN]
    ]


def _of_practice(labeler: Labeler) -> QuerySet[Check]:
    """Since they came into practice the last time."""
    checks = Check.objects.filter(
        labeler=labeler, kind=CheckKind.GOLD, ranking__isnull=False, task__campaign__stage=CampaignStage.PRACTICE
    )
    if labeler.practises_since is not None:
        checks = checks.filter(ranking__submitted_at__gte=labeler.practises_since)
    return checks.order_by("-measured_at", "-pk")


def settings_of(campaign: Campaign) -> StageSettings:
    """The campaign's, or the defaults, which are not stored."""
    return StageSettings.objects.filter(campaign=campaign).first() or StageSettings(campaign=campaign)


def progress_in(labeler: Labeler, stage: CampaignStage, kind: AssignmentKind) -> Progress:
    """Nothing is left for whoever is not in that stage."""
    work = Assignment.objects.filter(labeler=labeler, kind=kind, campaign__stage=stage)
    done = work.filter(state=AssignmentState.SUBMITTED).count()
    if labeler.works_in != stage:
        return Progress(done=done, left=0, begun=[])
    lapsed = Q(state=AssignmentState.LAPSED, draft_version__gt=0, campaign__state=CampaignState.ACTIVE)
    begun = work.filter(Q(state=AssignmentState.OPEN) | lapsed & FREE_AGAIN[kind])
    tokens = [str(token) for token in begun.order_by("-claimed_at").values_list("token", flat=True)]
    available = sum(available_by_campaign(labeler, kind, at_most=MOST_ITEMS).values())
    return Progress(done=done, left=available + len(tokens), begun=tokens)


def practice_of(labeler: Labeler) -> Practice:
    """In the practice campaign in which the labeler is nearest to the end; the defaults where they began none."""
    results: dict[int, list[Pairs]] = {}
    for campaign, pairs, held in _of_practice(labeler).values_list("task__campaign_id", "pairs", "pairs_held"):
        results.setdefault(campaign, []).append(Pairs(pairs=pairs, held=held))
    if not results:
        return _practice([], _settings_ahead(labeler))
    stored = {each.campaign_id: each for each in StageSettings.objects.filter(campaign__in=results)}
    found = [_practice(done, stored.get(campaign) or StageSettings()) for campaign, done in results.items()]
    return max(found, key=lambda each: (each.is_enough, each.done / each.items))


def _settings_ahead(labeler: Labeler) -> StageSettings:
    """Of the practice that the labeler is given next."""
    ahead = StageSettings.objects.filter(
        campaign__stage=CampaignStage.PRACTICE,
        campaign__state=CampaignState.ACTIVE,
        campaign__languages__overlap=labeler.languages,
    )
    return ahead.first() or StageSettings()


def _practice(done: list[Pairs], asked: StageSettings) -> Practice:
    return Practice(
        done=len(done),
        items=asked.practice_items,
        wanted=asked.practice_percent,
        agreement=agreement_of_last(done, items=asked.practice_items),
    )
