"""Why nothing is offered: to a labeler, of what a campaign has."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from labeling.base.fast_paths.built_once import BuiltOnce
from labeling.base.states import (
    AssignmentKind,
    AssignmentState,
    CampaignStage,
    CampaignState,
    LabelerGroup,
    LabelerState,
)
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import WANTS_DEMONSTRATION, WANTS_RANKING_TASK, Prompt
from labeling.campaigns.models.queues import HAS_MET, QueueProgress, WorkQueue, for_group_of, quota_reached
from labeling.campaigns.queries import counted_in
from labeling.desk.models import Assignment
from labeling.desk.queries.available import COUNTED_AT_MOST, being_sampled_for, open_campaigns
from labeling.model_versions.queries import current_sft_model
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE, RankingTask


def _for_people(stage: CampaignStage | None) -> Q:
    """Of prompts, tasks, assignments and queues: in an open campaign of that stage that people work in."""
    return Q(campaign__state=CampaignState.ACTIVE.value, campaign__stage=stage, campaign__simulated=False)


FOR_PEOPLE = _for_people(CampaignStage.WORK)


class Cause(StrEnum):
    """Why work is not given to somebody."""

    NO_CAMPAIGN = "no_campaign"
    """No campaign in their languages is open."""
    NO_MODEL = "no_model"
    """Prompts wait for completions, and there is no model to sample from."""
    TO_COME = "to_come"
    """Prompts wait for completions, which are sampled next."""
    HELD = "held"
    """Others are working on it."""
    MET = "met"
    """They ranked, wrote or skipped it, and it waits for others."""
    MINDED = "minded"
    """It holds what they opted out of."""
    SKILLS = "skills"
    """It asks for skills that they don't have."""
    GROUP = "group"
    """It is for held-out labelers alone."""
    QUOTA = "quota"
    """They have done as much of its campaign as it takes from one person in a day or a week."""
    OTHER_LANGUAGE = "other_language"
    """It is in languages that they don't know."""
    DONE = "done"
    """Nothing is left."""


@dataclass(frozen=True, kw_only=True)
class Hindrance:
    """So much is not given for that cause. `count` stops at COUNTED_AT_MOST."""

    cause: Cause
    count: int = 0
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()


def why_nothing(labeler: Labeler, kind: AssignmentKind) -> list[Hindrance]:
    """Why a labeler to whom nothing is available is offered nothing: every cause, never none."""
    waiting = _waiting_elsewhere(labeler, kind)
    if not open_campaigns(labeler).exists():
        return [Hindrance(cause=Cause.NO_CAMPAIGN), *waiting]
    found = [*_to_come(labeler, kind), *_held(labeler, kind), *waiting]
    return found or [Hindrance(cause=Cause.DONE)]


def _to_come(labeler: Labeler, kind: AssignmentKind) -> list[Hindrance]:
    if kind != AssignmentKind.RANKING:
        return []
    prompts = Prompt.objects.filter(
        WANTS_RANKING_TASK,
        _for_people(labeler.works_in),
        language__in=labeler.languages,
        campaign__required_skills__contained_by=labeler.skills,
        required_skills__contained_by=labeler.skills,
    ).exclude(content_warnings__overlap=labeler.opt_outs)
    count = prompts.order_by()[:COUNTED_AT_MOST].count()
    if current_sft_model() is not None:
        return _if_any(Cause.TO_COME, count)
    return _if_any(Cause.NO_MODEL, min(COUNTED_AT_MOST, count + being_sampled_for(labeler)))


def _held(labeler: Labeler, kind: AssignmentKind) -> list[Hindrance]:
    held = Assignment.objects.filter(
        _for_people(labeler.works_in),
        for_group_of(labeler),
        state=AssignmentState.OPEN,
        kind=kind,
        prompt__language__in=labeler.languages,
    ).exclude(labeler=labeler)
    return _if_any(Cause.HELD, held.order_by()[:COUNTED_AT_MOST].count())


def _waiting_elsewhere(labeler: Labeler, kind: AssignmentKind) -> list[Hindrance]:
    """What waits in open campaigns of their stage, by what keeps it from the labeler."""

    def cause_of(queue: Any) -> Cause:
        if queue.language not in labeler.languages:
            return Cause.OTHER_LANGUAGE
        if _lacking(queue, labeler.skills):
            return Cause.SKILLS
        if set(queue.content_warnings) & set(labeler.opt_outs):
            return Cause.MINDED
        return Cause.QUOTA if queue.quota_reached else Cause.MET

    queues = WorkQueue.objects.filter(_for_people(labeler.works_in), for_group_of(labeler)).select_related("campaign")
    reached = ExpressionWrapper(quota_reached(labeler), output_field=BooleanField())
    return _by_cause(_waiting(queues.annotate(quota_reached=reached), kind), cause_of, skills=labeler.skills)


def _lacking(queue: WorkQueue, skills: Sequence[str]) -> set[str]:
    """The skills that its work asks for and that are not among these."""
    return {*queue.skills, *queue.campaign.required_skills} - {*skills}


def _if_any(cause: Cause, count: int) -> list[Hindrance]:
    return [Hindrance(cause=cause, count=count)] if count else []


def _waiting(queues: QuerySet[WorkQueue], kind: AssignmentKind) -> list[tuple[WorkQueue, int]]:
    """The queues in which something waits, and how much, up to COUNTED_AT_MOST each."""
    counted = counted_in(queues.filter(kind=kind), _rows_of(kind), at_most=COUNTED_AT_MOST)
    return [(queue, queue.waiting) for queue in counted if queue.waiting]


def _rows_of(kind: AssignmentKind) -> QuerySet[Any]:
    if kind == AssignmentKind.RANKING:
        return RankingTask.objects.filter(HAS_A_FREE_PLACE, reserved_for=None)
    return Prompt.objects.filter(WANTS_DEMONSTRATION)


class _IsOneOf(Func):
    """Whether a value is in an array."""

    arg_joiner = " = ANY("
    template = "(%(expressions)s))"
    output_field = BooleanField()


def with_work(labelers: QuerySet[Labeler], *, stage: CampaignStage = CampaignStage.WORK) -> QuerySet[Any]:
    """Labelers of that stage, each with `gets_work`: whether they hold work, or there is some that they could claim."""
    holds = Assignment.objects.filter(labeler=OuterRef("pk"), state=AssignmentState.OPEN)
    reserved = RankingTask.objects.filter(
        ~Exists(Assignment.objects.filter(HAS_MET, labeler=OuterRef(OuterRef("pk")), task=OuterRef("pk"))),
        HAS_A_FREE_PLACE,
        reserved_for=OuterRef("pk"),
        campaign__state=CampaignState.ACTIVE,
        campaign__stage=stage,
    )
    reserved = reserved.alias(known=_IsOneOf(F("language"), OuterRef("languages"))).filter(known=True)
    reserved = reserved.exclude(prompt__content_warnings__overlap=OuterRef("opt_outs"))
    reserved = reserved.filter(
        campaign__required_skills__contained_by=OuterRef("skills"),
        prompt__required_skills__contained_by=OuterRef("skills"),
    ).exclude(quota_reached(OuterRef("pk")))
    in_queues = [Exists(_queues_for(kind, stage)) for kind in AssignmentKind]
    return labelers.annotate(gets_work=Exists(holds) | Exists(reserved) | in_queues[0] | in_queues[1])


def _queues_for(kind: AssignmentKind, stage: CampaignStage) -> QuerySet[WorkQueue]:
    """Of the labeler of the query around it: the queues in which something waits that they could claim."""
    passed = QueueProgress.objects.filter(queue=OuterRef("pk"), labeler=OuterRef(OuterRef("pk"))).values("passed")
    waiting = _rows_of(kind).filter(
        ~Exists(_met(kind, labeler=OuterRef(OuterRef(OuterRef("pk"))))),
        _not_written(kind, by=OuterRef(OuterRef("pk"))),
        queue=OuterRef("pk"),
        queue_place__gt=OuterRef("passed"),
    )
    return (
        WorkQueue.objects.filter(
            Q(campaign__held_out_only=False) | Q(Exact(OuterRef("group"), LabelerGroup.HELD_OUT.value)),
            kind=kind,
            campaign__state=CampaignState.ACTIVE,
            campaign__stage=stage,
            campaign__simulated=OuterRef("simulated"),
        )
        .annotate(passed=Coalesce(passed, 0), known=_IsOneOf(F("language"), OuterRef("languages")))
        # The first one, by its index: EXISTS is sometimes planned as a join of all that waits with all that was met.
        .annotate(first=Subquery(waiting.order_by("queue_place").values("pk")[:1]))
        .filter(
            first__isnull=False,
            known=True,
            skills__contained_by=OuterRef("skills"),
            campaign__required_skills__contained_by=OuterRef("skills"),
        )
        .exclude(quota_reached(OuterRef("pk")) | Q(content_warnings__overlap=OuterRef("opt_outs")))
    )


def _met(kind: AssignmentKind, *, labeler: OuterRef) -> QuerySet[Assignment]:
    """Of the task or prompt of the query around it: what the labeler has met."""
    work = "task" if kind == AssignmentKind.RANKING else "prompt"
    return Assignment.objects.filter(HAS_MET, labeler=labeler, kind=kind, **{work: OuterRef("pk")})


def _not_written(kind: AssignmentKind, *, by: OuterRef) -> Q:
    """Of a task: that none of its completions is this labeler's own demonstration."""
    return Q(written_by=None) | ~Q(written_by=by) if kind == AssignmentKind.RANKING else Q()


def people_at_work() -> QuerySet[Labeler]:
    """Who is given work. Simulated labelers wait for nothing."""
    return Labeler.objects.filter(state=LabelerState.ACTIVE, simulated=False)


def labelers_without_work() -> QuerySet[Any]:
    """The active people to whom nothing can be given now."""
    return with_work(people_at_work()).filter(gets_work=False)


def count_labelers_without_work() -> int:
    return _without_work.count()


@BuiltOnce
def _without_work() -> QuerySet[Any, Any]:
    return labelers_without_work().order_by().values_list("pk")


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """Work of an open campaign that no active labeler may be given, and why."""

    campaign: Campaign
    kind: AssignmentKind
    hindrances: list[Hindrance]


def waiting_queues() -> list[Any]:
    """The queues of open campaigns in which something waits, as _queues_with_takers has them."""
    return [queue for queues in _QUEUES_WITH_TAKERS for queue in queues.instances() if queue.waiting]


def stuck_in(queues: Iterable[Any]) -> list[Stuck]:
    """What waits while every active labeler is kept from it, by campaign and kind; of `waiting_queues`."""
    without_taker = [queue for queue in queues if not queue.has_taker]
    prefetch_related_objects(without_taker, "campaign")
    stuck: dict[tuple[Campaign, str], list[tuple[WorkQueue, int]]] = {}
    for queue in without_taker:
        stuck.setdefault((queue.campaign, queue.kind), []).append((queue, queue.waiting))
    return [
        Stuck(campaign=campaign, kind=AssignmentKind(kind), hindrances=_by_cause(kept, _cause_for_all))
        for (campaign, kind), kept in stuck.items()
    ]


def _queues_with_takers(kind: AssignmentKind) -> QuerySet[Any]:
    """The queues of open campaigns: how much waits; who knows the language, has the skills, minds nothing of it, could
    take some. Quotas are no hindrance for long.
    """
    speakers = people_at_work().annotate(known=_IsOneOf(OuterRef("language"), F("languages"))).filter(known=True)
    skilled = speakers.filter(skills__contains=OuterRef("skills")).filter(
        skills__contains=OuterRef("campaign__required_skills")
    )
    of_group = skilled.filter(
        Q(group=LabelerGroup.HELD_OUT) | Q(Exact(OuterRef("campaign__held_out_only"), Value(value=False)))
    )
    willing = of_group.exclude(opt_outs__overlap=OuterRef("content_warnings"))
    passed = QueueProgress.objects.filter(labeler=OuterRef("pk"), queue=OuterRef(OuterRef("pk"))).values("passed")
    theirs = _rows_of(kind).filter(
        ~Exists(_met(kind, labeler=OuterRef(OuterRef("pk")))),
        _not_written(kind, by=OuterRef("pk")),
        queue=OuterRef(OuterRef("pk")),
        queue_place__gt=OuterRef("passed"),
    )
    takers = willing.annotate(passed=Coalesce(passed, 0)).filter(Exists(theirs))
    queues = WorkQueue.objects.filter(FOR_PEOPLE, kind=kind)
    counted: QuerySet[Any] = counted_in(queues, _rows_of(kind), at_most=COUNTED_AT_MOST)
    queues_with_takers: QuerySet[Any] = counted.annotate(
        has_speaker=Exists(speakers),
        is_unskilled=~Exists(skilled),
        is_of_no_group=~Exists(of_group),
        is_minded=~Exists(willing),
        has_taker=Exists(takers),
    )
    return queues_with_takers


_QUEUES_WITH_TAKERS = [BuiltOnce(partial(_queues_with_takers, kind)) for kind in AssignmentKind]


def _cause_for_all(queue: Any) -> Cause:
    if not queue.has_speaker:
        return Cause.OTHER_LANGUAGE
    if queue.is_unskilled:
        return Cause.SKILLS
    if queue.is_of_no_group:
        return Cause.GROUP
    return Cause.MINDED if queue.is_minded else Cause.MET


def _by_cause(
    queues: Iterable[tuple[WorkQueue, int]], cause_of: Callable[[Any], Cause], *, skills: Sequence[str] = ()
) -> list[Hindrance]:
    """How much is kept back by which cause; `skills`: those that whoever it is kept from has."""
    counts: Counter[Cause] = Counter()
    languages: set[str] = set()
    lacking: set[str] = set()
    for queue, waiting in queues:
        cause = cause_of(queue)
        counts[cause] += waiting
        if cause == Cause.OTHER_LANGUAGE:
            languages.add(queue.language)
        elif cause == Cause.SKILLS:
            lacking |= _lacking(queue, skills)
    return [
        Hindrance(
            cause=cause,
            count=min(counts[cause], COUNTED_AT_MOST),
            languages=tuple(sorted(languages)) if cause == Cause.OTHER_LANGUAGE else (),
            skills=tuple(sorted(lacking)) if cause == Cause.SKILLS else (),
        )
        for cause in (Cause.MET, Cause.QUOTA, Cause.MINDED, Cause.GROUP, Cause.SKILLS, Cause.OTHER_LANGUAGE)
        if counts[cause]
    ]
