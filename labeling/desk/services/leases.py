"""Leases: the places that a prompt or a task has are taken, given back and used up. Only this file changes the
counters.

Lock order, so that no two transactions can deadlock: labeler, assignment, then task or prompt.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from labeling.base.states import AssignmentState, CampaignState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import WANTS_DEMONSTRATION, Prompt
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.models import Assignment
from labeling.people.models import Labeler
from labeling.people.services import change_labeler_state
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE, RankingTask

# One statement, for people wait for it between one task and the next. Saves 2.5 ± 1.2 of 16.8 ms of processor time an
# operation (docs/architecture.md, Speed). It is here because no counter moves anywhere else.
CLOSE = "UPDATE labeling_assignment SET state = 'submitted', closed_at = %(now)s WHERE id = %(assignment)s"
CLOSE_RANKING = f"""
WITH used AS (
    UPDATE labeling_rankingtask SET
        rankings_open = rankings_open - 1,
        rankings_done = rankings_done + 1,
        state = CASE WHEN state = 'ready' AND rankings_done + 1 = rankings_needed THEN 'done' ELSE state END
    WHERE id = %(task)s
)
{CLOSE}
"""  # noqa: S608  (put together from constants)
CLOSE_DEMONSTRATION = f"""
WITH used AS (
    UPDATE labeling_prompt SET
        demonstrations_open = demonstrations_open - 1,
        demonstrations_done = demonstrations_done + 1
    WHERE id = %(prompt)s
)
{CLOSE}
"""  # noqa: S608


def release(*, assignments: Sequence[Assignment], state: AssignmentState, now: datetime, **said: object) -> None:
    """Gives the places of open (locked) assignments back, leaves each in `state` and writes `said` with it.

    What its labeler may be offered again draws a new place in the queue, for they have passed its old one.
    """
    for assignment in sorted(assignments, key=lambda held: (held.task_id or 0, held.prompt_id)):
        assignment.move(to=state, closed_at=now, **said)
        untouched = state == AssignmentState.LAPSED and not assignment.draft_version
        anew = {"queue": None} if untouched else {}  # a trigger puts it into its queue (migration 0003)
        if assignment.task_id is not None:
            RankingTask.objects.filter(pk=assignment.task_id).update(rankings_open=F("rankings_open") - 1, **anew)
        else:
            Prompt.objects.filter(pk=assignment.prompt_id).update(
                demonstrations_open=F("demonstrations_open") - 1, **anew
            )


@transaction.atomic
def give_back(*, assignment_ids: Sequence[int]) -> int:
    """Puts held work back into the queue before its time; returns how many. The drafts stay with their authors."""
    return _release_all(Assignment.objects.filter(pk__in=assignment_ids))


@transaction.atomic
def close_campaign(*, campaign: Campaign, held_work_for: timedelta = timedelta(0)) -> None:
    """Nothing is handed out any more. What is held may be handed in for as long as `held_work_for`; without it, every
    held piece goes back to the queue at once. The drafts stay with their authors. Raises IllegalMove."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    held = Assignment.objects.filter(campaign=campaign, state=AssignmentState.OPEN)
    until = timezone.now() + held_work_for if held_work_for else None
    if until is None:
        _release_all(held)
    else:
        held.filter(expires_at__gt=until).update(expires_at=until)
    change_campaign_state(campaign=campaign, state=CampaignState.CLOSED, held_work_until=until)


@transaction.atomic
def suspend_labeler(*, labeler: Labeler, held_work_for: timedelta = timedelta(0)) -> None:
    """They are offered nothing any more. What they hold may be handed in for as long as `held_work_for`; without it,
    every held piece goes back to the queue at once. The drafts stay. Raises IllegalMove."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    held = Assignment.objects.filter(labeler=labeler, state=AssignmentState.OPEN)
    until = timezone.now() + held_work_for if held_work_for else None
    if until is None:
        _release_all(held)
    else:
        held.filter(expires_at__gt=until).update(expires_at=until)
    change_labeler_state(labeler=labeler, state=LabelerState.SUSPENDED, held_work_until=until)


@transaction.atomic
def end_finishing(*, labeler: Labeler) -> None:
    """Somebody who is suspended may hand in nothing any more: what they hold goes back to the queue."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    _release_all(Assignment.objects.filter(labeler=labeler))
    Labeler.objects.filter(pk=labeler.pk).update(held_work_until=None)


def _release_all(assignments: QuerySet[Assignment]) -> int:
    held = list(assignments.select_for_update().filter(state=AssignmentState.OPEN).order_by("pk"))
    release(assignments=held, state=AssignmentState.LAPSED, now=timezone.now())
    return len(held)


@transaction.atomic
def release_expired_leases(*, limit: int = 500) -> int:
    """Puts work whose lease ran out back into the queue; returns how many. Drafts stay with their authors."""
    now = timezone.now()
    expired = list(
        Assignment.objects.select_for_update(skip_locked=True)
        .filter(state=AssignmentState.OPEN, expires_at__lt=now)
        .order_by("expires_at")[:limit]
    )
    release(assignments=expired, state=AssignmentState.LAPSED, now=now)
    return len(expired)


def take_place(assignment: Assignment) -> bool:
    """Takes a free place of the assignment's task or prompt; False when there is none."""
    if assignment.task_id is not None:
        return take_ranking_place(assignment.task_id)
    return take_demonstration_place(assignment.prompt_id)


def take_ranking_place(task_id: int) -> bool:
    """Takes one free place of a ready task; False when there is none, as the UPDATE's row count says."""
    return RankingTask.objects.filter(HAS_A_FREE_PLACE, pk=task_id).update(rankings_open=F("rankings_open") + 1) == 1


def take_demonstration_place(prompt_id: int) -> bool:
    """Takes one free place of a prompt that wants a demonstration; False when there is none."""
    return (
        Prompt.objects.filter(WANTS_DEMONSTRATION, pk=prompt_id).update(
            demonstrations_open=F("demonstrations_open") + 1
        )
        == 1
    )


def close_submitted(assignment: Assignment, *, now: datetime) -> None:
    """The last step of handing in: the assignment is closed, and its open place becomes a finished one. A task is done
    with its last."""
    assignment.state, assignment.closed_at = AssignmentState.SUBMITTED, now
    ids = {"assignment": assignment.pk, "task": assignment.task_id, "prompt": assignment.prompt_id}
    with connection.cursor() as cursor:
        cursor.execute(CLOSE_DEMONSTRATION if assignment.task_id is None else CLOSE_RANKING, {**ids, "now": now})
