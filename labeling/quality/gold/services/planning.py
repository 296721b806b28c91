"""Checks planned ahead of each labeler: a gold item, or what they ranked weeks ago.

Beat looks at what was handed in a moment ago; a draw by the hash of each piece's token says whether a check follows it.
The check is a copy of its task that is reserved for the labeler, so that claiming it costs what claiming any task
costs, and its page is made like any other.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.base.states import (
    AssignmentKind,
    AssignmentState,
    CampaignStage,
    CampaignState,
    CheckKind,
    GoldState,
    LabelerState,
    TaskState,
)
from labeling.campaigns.models.queues import HAS_MET
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check, GoldItem
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask
from labeling.ranking_tasks.rules import drawn
from labeling.ranking_tasks.services.tasks import copy_task, set_aside

LOOKED_BACK = timedelta(minutes=30)
"""A draw that no check could follow within that time is dropped; beat looks every minute."""
WITHDRAWN_AFTER = timedelta(days=14)
"""What was left so long is planned no more, so that whoever comes back does not begin with a check."""


def plan_checks(*, now: datetime | None = None) -> int:
    """Makes the checks that are due. Returns how many."""
    now = now or timezone.now()
    withdraw_checks(now=now)
    return sum(_plan_after(assignment, now=now) is not None for assignment in _drawn_after(now))


def _drawn_after(now: datetime) -> list[Assignment]:
    """What was handed in a moment ago, in open campaigns of real work, and drew a check that was not made yet."""
    handed_in = Assignment.objects.filter(
        ~Exists(Check.objects.filter(drawn_by=OuterRef("pk"))),
        kind=AssignmentKind.RANKING,
        state=AssignmentState.SUBMITTED,
        closed_at__gt=now - LOOKED_BACK,
        closed_at__lte=now,
        labeler__state=LabelerState.ACTIVE,
        task__copy_of=None,
        campaign__state=CampaignState.ACTIVE,
        campaign__stage=CampaignStage.WORK,
    )
    return [
        assignment
        for assignment in handed_in.select_related("labeler", "campaign", "prompt").order_by("closed_at", "pk")
        if _kind_drawn(assignment) is not None
    ]


def _kind_drawn(assignment: Assignment) -> CheckKind | None:
    """Which kind of check follows this piece of work, if any."""
    campaign, place = assignment.campaign, drawn(f"check/{assignment.token}")
    if place < campaign.gold_percent / 100:
        return CheckKind.GOLD
    return CheckKind.REPEAT if place < (campaign.gold_percent + campaign.repeat_percent) / 100 else None


@transaction.atomic
def _plan_after(assignment: Assignment, *, now: datetime) -> Check | None:
    """The check that follows; None while another waits for its labeler, or where there is nothing to give them.

    A check is one task among others: who has no other left would know it by that.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=assignment.labeler_id)
    others = RankingTask.objects.claimable_by(labeler).filter(NOT_A_COPY, campaign=assignment.campaign_id)
    if outstanding().filter(labeler=labeler).exists() or not others.exists():
        return None
    if _kind_drawn(assignment) == CheckKind.GOLD:
        items = list(gold_for(labeler, assignment).order_by("pk").select_related("task"))
        if not items:
            return None
        item = items[int(drawn(f"item/{assignment.token}") * len(items))]
        copy = copy_task(task=item.task, labeler=labeler)
        return Check.objects.create(
            labeler=labeler, task=copy, kind=CheckKind.GOLD, item=item, drawn_by=assignment, planned_at=now
        )
    rankings = list(repeatable(labeler, assignment, now=now).order_by("pk").select_related("task"))
    if not rankings:
        return None
    earlier = rankings[int(drawn(f"earlier/{assignment.token}") * len(rankings))]
    copy = copy_task(task=earlier.task, labeler=labeler)
    return Check.objects.create(
        labeler=labeler, task=copy, kind=CheckKind.REPEAT, earlier=earlier, drawn_by=assignment, planned_at=now
    )


def outstanding() -> QuerySet[Check]:
    """Checks that wait for their labeler, or that they hold now."""
    return Check.objects.filter(ranking=None, task__copy_of__isnull=False, task__state=TaskState.READY)


def gold_for(labeler: Labeler, assignment: Assignment) -> QuerySet[GoldItem]:
    """The gold items of the same campaign that the labeler may be given: never met, not even as a check, and without a
    demonstration of their own among the completions."""
    met = Assignment.objects.filter(HAS_MET, labeler=labeler, task=OuterRef("task"))
    return GoldItem.objects.filter(
        ~Exists(met),
        Q(task__written_by=None) | ~Q(task__written_by=labeler),
        ~Exists(Check.objects.filter(labeler=labeler, item=OuterRef("pk"))),
        state=GoldState.ACTIVE,
        task__campaign=assignment.campaign_id,
        **_may_be_shown(labeler, task="task__"),
    ).exclude(task__prompt__content_warnings__overlap=labeler.opt_outs)


def repeatable(labeler: Labeler, assignment: Assignment, *, now: datetime) -> QuerySet[Ranking]:
    """The labeler's own rankings in the same campaign, old enough, that they were not given once more yet."""
    long_ago = now - timedelta(days=assignment.campaign.repeat_after_days)
    first_long_ago = Assignment.objects.filter(pk=OuterRef("assignment"), closed_at__lte=long_ago)
    repeated = Check.objects.filter(labeler=labeler, kind=CheckKind.REPEAT, earlier__task=OuterRef("task"))
    return (
        Ranking.objects.of_work()
        .last_revisions()
        .filter(
            Exists(first_long_ago),
            ~Exists(repeated),
            labeler=labeler,
            task__campaign=assignment.campaign_id,
            **_may_be_shown(labeler, task="task__"),
        )
        .exclude(task__prompt__content_warnings__overlap=labeler.opt_outs)
    )


def _may_be_shown(labeler: Labeler, *, task: str) -> dict[str, object]:
    return {
        f"{task}state__in": [TaskState.READY, TaskState.DONE],
        f"{task}prompt__set_aside_reason": "",
        f"{task}language__in": labeler.languages,
        f"{task}prompt__required_skills__contained_by": labeler.skills,
        f"{task}campaign__required_skills__contained_by": labeler.skills,
    }


def withdraw_checks(*, now: datetime | None = None) -> int:
    """Sets copies aside that nobody will rank: skipped, left for weeks, of a retired item or of somebody who is given
    no real work any more. What is held may be finished. Returns how many."""
    now = now or timezone.now()
    of_labeler = Assignment.objects.filter(labeler=OuterRef("labeler"), task=OuterRef("task"))
    gone = outstanding().filter(
        Q(Exists(of_labeler.filter(state=AssignmentState.SKIPPED)))
        | Q(planned_at__lte=now - WITHDRAWN_AFTER)
        | Q(item__state=GoldState.RETIRED)
        | ~Q(labeler__state=LabelerState.ACTIVE)
    )
    gone = gone.filter(~Exists(of_labeler.filter(state=AssignmentState.OPEN)))
    return sum(_withdraw(check) for check in gone.order_by("pk"))


@transaction.atomic
def _withdraw(check: Check) -> bool:
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=check.task_id)
    if task.state != TaskState.READY or task.rankings_open:
        return False  # taken at this moment
    set_aside(task, reason="A check that its labeler does not rank: skipped, left for weeks, or retired.")
    return True
