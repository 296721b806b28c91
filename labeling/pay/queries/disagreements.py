"""What others thought of tasks that a labeler ranked, where they disagreed. Nobody is named.

Shown only once nothing of it can sway a label: the labeler can't revise theirs any more, and the task is none by
which they are checked: no gold item, no copy, and none that they are about to be given once more.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from labeling.base.states import AssignmentState, RevisionState, TaskState
from labeling.desk.models import BY_PEOPLE, Assignment, Revision
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.rules.drafts import letter_of
from labeling.desk.services.revisions import REVISABLE
from labeling.pay.rules.disagreements import opposed_pairs
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import RankingTask

TASKS_LOOKED_AT = 200
"""The last ones that can't be revised any more."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One completion: its letter as the labeler saw it, their rank, and the others' in no order that tells who."""

    letter: str
    mine: int
    others: list[int]


@dataclass(frozen=True, kw_only=True)
class Opposed:
    """How many others put `lower` above `upper`, both named by the letters that the labeler saw."""

    upper: str
    lower: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    ranking: Ranking
    rows: list[Row]
    opposed: list[Opposed]
    others: int


def disagreements_of(labeler: Labeler) -> list[Disagreement]:
    """The newest first."""
    mine = {ranking.task_id: ranking for ranking in _settled(labeler)[:TASKS_LOOKED_AT]}
    others = Ranking.objects.last_revisions().filter(BY_PEOPLE, task__in=mine).exclude(labeler=labeler)
    ranked = RankedCompletion.objects.filter(ranking__in=[ranking.pk for ranking in mine.values()])
    letters: defaultdict[int, dict[int, str]] = defaultdict(dict)
    own: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for task, completion, rank, position in ranked.order_by("shown_position").values_list(
        "ranking__task_id", "completion_id", "rank", "shown_position"
    ):
        own[task][completion], letters[task][completion] = rank, letter_of(position)
    theirs: defaultdict[int, defaultdict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for task, ranker, completion, rank in RankedCompletion.objects.filter(ranking__in=others).values_list(
        "ranking__task_id", "ranking__labeler_id", "completion_id", "rank"
    ):
        theirs[task][ranker][completion] = rank
    found = (
        _disagreement(ranking, letters[task], own[task], list(theirs[task].values())) for task, ranking in mine.items()
    )
    return [each for each in found if each.opposed]


def _settled(labeler: Labeler) -> QuerySet[Ranking]:
    """Their rankings as they count, of tasks that others ranked as well, and that stay as they are."""
    submitted = Assignment.objects.filter(labeler=labeler, state=AssignmentState.SUBMITTED)
    revisable = list(submitted.order_by("-closed_at", "-pk").values_list("pk", flat=True)[:REVISABLE])
    revising = Revision.objects.filter(assignment=OuterRef("assignment"), state=RevisionState.OPEN)
    to_come = RankingTask.objects.filter(
        copy_of=OuterRef("task"), reserved_for=labeler, state__in=[TaskState.SAMPLING, TaskState.READY]
    )
    return (
        Ranking.objects.of_work()
        .last_revisions()
        .filter(
            ~Exists(revising),
            ~Exists(to_come),
            labeler=labeler,
            assignment__returned_at=None,
            task__rankings_done__gt=1,
            task__gold_item=None,
        )
        .exclude(assignment__in=revisable)
        .select_related("assignment__prompt", "task")
        .order_by("-pk")
    )


def _disagreement(
    ranking: Ranking, letters: dict[int, str], mine: dict[int, int], others: list[dict[int, int]]
) -> Disagreement:
    ordered = sorted(others, key=lambda ranks: sorted(ranks.items()))  # by what they said, which tells nobody's name
    return Disagreement(
        ranking=ranking,
        rows=[
            Row(letter=letter, mine=mine[completion], others=[ranks[completion] for ranks in ordered])
            for completion, letter in letters.items()
        ],
        opposed=[
            Opposed(upper=letters[pair.upper], lower=letters[pair.lower], count=pair.opposed)
            for pair in opposed_pairs(mine, ordered)
        ],
        others=len(ordered),
    )
