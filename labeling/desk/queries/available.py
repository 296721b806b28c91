"""Counts the work that a labeler could claim now, up to a limit."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from labeling.base.states import AssignmentKind, CampaignState, LabelerState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.queues import WorkQueue, for_group_of, suits
from labeling.campaigns.queries import counted_in
from labeling.model_versions.queries import current_sft_model
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import RankingTask

COUNTED_AT_MOST = 100
"""So many of a campaign are counted, and then "100+" is said: a million would be counted anew for each page."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits for the labeler in one kind of work, and what may still come.

    Where there are more than were counted, `available_more` and `being_sampled_more` say so.
    """

    kind: str
    available: int
    available_more: bool
    being_sampled: int
    being_sampled_more: bool


def available_by_campaign(labeler: Labeler, kind: AssignmentKind, *, at_most: int | None = None) -> dict[int, int]:
    """Campaign id → how many pieces of work of that kind the labeler could claim.

    `at_most`, or COUNTED_AT_MOST: so many or more.
    """
    at_most = COUNTED_AT_MOST if at_most is None else at_most
    if kind == AssignmentKind.RANKING:
        tasks = RankingTask.objects.claimable_by(labeler)
        reserved = tasks.filter(reserved_for=labeler).order_by().values_list("campaign").annotate(count=Count("pk"))
        rows = _in_queues(labeler, kind, tasks.filter(reserved_for=None), at_most).union(reserved, all=True)
    else:
        rows = _in_queues(labeler, kind, Prompt.objects.claimable_by(labeler), at_most)
    counts: dict[int, int] = {}
    for campaign, count in rows:
        if count:
            counts[campaign] = min(at_most, counts.get(campaign, 0) + count)
    return counts


def _in_queues(
    labeler: Labeler, kind: AssignmentKind, claimable: QuerySet[RankingTask] | QuerySet[Prompt], at_most: int
) -> QuerySet[WorkQueue, tuple[int, int]]:
    """(campaign id, how many) of each queue that is open to the labeler, up to `at_most`."""
    queues = WorkQueue.objects.open_to(labeler).filter(kind=kind)
    counted = counted_in(queues, claimable, at_most=at_most, passed_by=labeler)
    return counted.values_list("campaign", "waiting")


def open_campaigns(labeler: Labeler) -> QuerySet[Campaign]:
    """The open campaigns of the labeler's stage and group that are in one of their languages and ask for no skill that
    they lack.
    """
    return Campaign.objects.filter(
        for_group_of(labeler, campaign=""),
        state=CampaignState.ACTIVE,
        stage=labeler.works_in,
        simulated=labeler.simulated,
        languages__overlap=labeler.languages,
        required_skills__contained_by=labeler.skills,
    )


def is_at_work(labeler: Labeler) -> bool:
    """Whether the labeler has a desk: active ones do, others while a campaign of their stage is open."""
    return labeler.state == LabelerState.ACTIVE or (labeler.works_in is not None and open_campaigns(labeler).exists())


def waiting_for(labeler: Labeler, kind: AssignmentKind) -> Waiting:
    counts = available_by_campaign(labeler, kind).values()
    being_sampled = being_sampled_for(labeler) if kind == AssignmentKind.RANKING else 0
    if being_sampled and current_sft_model() is None:
        being_sampled = 0  # nobody samples them
    return Waiting(
        kind=kind,
        available=sum(counts),
        available_more=more_than_counted(counts),
        being_sampled=being_sampled,
        being_sampled_more=more_than_counted([being_sampled]),
    )


def being_sampled_for(labeler: Labeler) -> int:
    """How many tasks that they could rank wait for completions, up to COUNTED_AT_MOST."""
    sampling = RankingTask.objects.filter(
        Q(reserved_for=None) | Q(reserved_for=labeler),
        suits(labeler),
        state=TaskState.SAMPLING,
        prompt__required_skills__contained_by=labeler.skills,
    )
    if labeler.opt_outs:
        sampling = sampling.exclude(prompt__content_warnings__overlap=labeler.opt_outs)
    return sampling.order_by()[:COUNTED_AT_MOST].count()


def more_than_counted(counts: Iterable[int]) -> bool:
    return any(count >= COUNTED_AT_MOST for count in counts)


def as_counted(number: int) -> str:
    """ "100+" where counting stopped."""
    return f"{number}+" if number >= COUNTED_AT_MOST else str(number)
