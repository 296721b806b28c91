"""What plain Django does in the place of each piece of labeling/base/fast_paths/, for benchmarks/fast_paths.py.

Imports models, so it is imported only where Django is set up (benchmarks/harness/scratch.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, F, FilteredRelation, Q, Value, When
from django.db.models.functions import Length
from django.template.context import Context

from labeling import urls  # noqa: F401  (everything that a first request would import)
from labeling.base.fast_paths.accounts import AccountBackend
from labeling.base.fast_paths.cached_include import CachedInclude
from labeling.base.fast_paths.working_time import LOCK, TimeRow
from labeling.base.markdown import render_markdown
from labeling.base.states import AssignmentState, TaskState
from labeling.campaigns import queries as campaigns
from labeling.desk.queries import work
from labeling.desk.ranking import queries as ranking_queries
from labeling.desk.ranking import services as ranking_services
from labeling.desk.ranking import views as ranking_views
from labeling.desk.services import assignments, next_task, working_time
from labeling.desk.views import prerequisites
from labeling.models import (
    Assignment,
    Completion,
    InstructionAcknowledgement,
    Labeler,
    Prompt,
    RankedCompletion,
    Ranking,
    RankingTask,
    WorkingTime,
)


def get_user(self: AccountBackend, user_id: int) -> User | None:
    user = User.objects.select_related("labeler").filter(pk=user_id).first()
    return user if user is not None and self.user_can_authenticate(user) else None


def find_own_assignment(*, token: str, labeler_id: int) -> list[Any] | None:
    own = Assignment.objects.select_related("prompt", "campaign").filter(token=token, labeler=labeler_id).first()
    return [own, own.prompt, own.campaign] if own is not None else None


def lock_own_assignment(*, token: str, labeler_id: int) -> list[Any] | None:
    locked = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("labeler", "campaign")
    own = locked.filter(token=token, labeler=labeler_id).first()
    return [own, own.labeler, own.campaign] if own is not None else None


def take_next_task(*, labeler_id: int, now: datetime) -> list[Any] | None:
    for taken in Assignment.objects.raw("SELECT * FROM concord_take_next_task(%s, %s, %s)", [labeler_id, "", now]):
        prompt = Prompt.objects.select_related("campaign").get(pk=taken.prompt_id)
        return [taken, prompt, prompt.campaign]
    return None


def submitted_between(*, labeler_id: int, kind: str, begin: datetime, end: datetime) -> int:
    submitted = Assignment.objects.filter(labeler=labeler_id, kind=kind, state=AssignmentState.SUBMITTED)
    return submitted.filter(closed_at__gte=begin, closed_at__lt=end).count()


def completions_of_task(*, task_id: int, renderer: str) -> dict[int, tuple[Any, ...]]:
    ahead = FilteredRelation("rendered", condition=Q(rendered__renderer=renderer))
    rows = (
        Completion.objects.filter(task=task_id)
        .annotate(ahead=ahead)
        .annotate(length=Length("text"), unrendered=Case(When(ahead__html=None, then=F("text"))))
        .values_list("pk", "length", "ahead__html", "ahead__raw", "unrendered")
    )
    return {row[0]: row[1:] for row in rows}


def write_ranking(ranking: Ranking, ranked: Sequence[Mapping[str, Any]]) -> list[Any]:
    ranking.save()
    RankedCompletion.objects.bulk_create(RankedCompletion(ranking=ranking, **row) for row in ranked)
    return [ranking, ranking.task]


def close_submitted(assignment: Assignment, *, now: datetime) -> None:
    assert assignment.task_id is not None  # of a ranking
    done = F("rankings_done") + 1
    RankingTask.objects.filter(pk=assignment.task_id).update(
        rankings_open=F("rankings_open") - 1,
        rankings_done=done,
        state=Case(When(state=TaskState.READY, rankings_needed=done, then=Value(TaskState.DONE)), default=F("state")),
    )
    assignment.state, assignment.closed_at = AssignmentState.SUBMITTED, now
    assignment.save(update_fields=["state", "closed_at"])


def lock_and_read_time(*, labeler_id: int, token: UUID, since: datetime) -> list[TimeRow]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, labeler_id % 2**31])
    rows = WorkingTime.objects.filter(Q(quarter__gte=since) | Q(token=token), labeler=labeler_id)
    return [
        TimeRow(row.token == token, row.page, row.quarter, row.seconds, row.counted, row.reported_at) for row in rows
    ]


def write_time(*, seconds: Mapping[datetime, float], **same: Any) -> None:
    WorkingTime.objects.bulk_create(
        [WorkingTime(quarter=quarter, seconds=of_it, **same) for quarter, of_it in seconds.items()],
        update_conflicts=True,
        unique_fields=["token", "page", "quarter"],
        update_fields=["seconds", "counted", "reported_at"],
    )


def has_read(labeler: Labeler, instruction_version_id: int) -> bool:
    return InstructionAcknowledgement.objects.filter(
        labeler=labeler, instruction_version_id=instruction_version_id
    ).exists()


def include(self: CachedInclude, context: Context) -> str:
    named = {name: expression.resolve(context) for name, expression in self.named.items()}
    assert context.template is not None
    included = context.template.engine.get_template(self.name.resolve(context))
    return str(included.render(context.new(named)))


def card_html(card: ranking_views.Card, *, language: str) -> str:
    return str(ranking_views._drawn(card, language))  # noqa: SLF001


def in_place_of(owner: Any, name: str, plain: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(owner, name, plain)


@contextmanager
def versions_read() -> Iterator[None]:
    with (
        patch.object(work, "instruction_version", campaigns.instruction_version.__wrapped__),
        patch.object(work, "rubric_version", campaigns.rubric_version.__wrapped__),
    ):
        yield


PIECES: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "accounts": in_place_of(AccountBackend, "get_user", get_user),
    "find_own_assignment": in_place_of(work, "find_own_assignment", find_own_assignment),
    "lock_own_assignment": in_place_of(assignments, "lock_own_assignment", lock_own_assignment),
    "take_next_task": in_place_of(next_task, "take_next_task", take_next_task),
    "submitted_between": in_place_of(work, "submitted_between", submitted_between),
    "completions_of_task": in_place_of(ranking_queries, "completions_of_task", completions_of_task),
    "write_ranking": in_place_of(ranking_services, "write_ranking", write_ranking),
    "close_submitted": in_place_of(assignments, "close_submitted", close_submitted),
    "time read": in_place_of(working_time, "lock_and_read_time", lock_and_read_time),
    "time written": in_place_of(working_time, "write_time", write_time),
    "has_read": in_place_of(prerequisites, "has_read", has_read),
    "versions": versions_read,
    "rendered ahead": in_place_of(ranking_queries, "RENDERER", "none"),
    "guidance": in_place_of(work, "render_markdown", render_markdown.__wrapped__),
    "laid_in_texts": in_place_of(ranking_views, "card_html", card_html),
    "cached_include": in_place_of(CachedInclude, "render", include),
}
