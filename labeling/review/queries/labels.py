"""What is reviewed: the last revision of what one labeler handed in, and all rankings of a task."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from labeling.base.states import AssignmentKind
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.quality.consensus.rules import Consensus, ranked_pairs
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.models.reviews import Work
from labeling.writing.answers import queries as answers
from labeling.writing.models import Composition

Label = Ranking | Demonstration


def label_of(assignment: Assignment) -> Label:
    """What counts of it now. Raises Ranking.DoesNotExist or Demonstration.DoesNotExist before it is handed in."""
    labels: QuerySet[Ranking] | QuerySet[Demonstration] = (
        assignment.rankings.all() if assignment.kind == AssignmentKind.RANKING else assignment.demonstrations.all()
    )
    return labels.latest("revision")


def revision_of(work: Work) -> int:
    """The number of the revision that counts now. Raises what label_of raises."""
    if isinstance(work, Composition):
        return answers.revision_of(answers.answers_of(work))
    return label_of(work).revision


def rankings_of(task: RankingTask) -> list[Ranking]:
    """The last revision of each labeler's ranking, in the order in which they were begun, with what they say."""
    ranked = Prefetch("ranked_completions", RankedCompletion.objects.order_by("completion_id"))
    counted = Ranking.objects.filter(task=task).last_revisions().select_related("labeler__user", "assignment")
    return list(counted.prefetch_related(ranked).order_by("assignment_id"))


def ranks_of(ranking: Ranking) -> dict[int, int]:
    """Completion id → rank."""
    return {each.completion_id: each.rank for each in ranking.ranked_completions.all()}


@dataclass(frozen=True, kw_only=True)
class TaskRankings:
    rankings: list[Ranking]
    consensus: Consensus | None
    """None while nobody ranked it."""

    @property
    def ids(self) -> list[int]:
        return sorted(ranking.pk for ranking in self.rankings)


def all_of_task(task: RankingTask) -> TaskRankings:
    found = rankings_of(task)
    return TaskRankings(rankings=found, consensus=ranked_pairs([ranks_of(each) for each in found]) if found else None)
