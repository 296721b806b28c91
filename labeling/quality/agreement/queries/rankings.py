"""The rankings of tasks as they count now."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from labeling.desk.ranking.models import RankedCompletion, Ranking


@dataclass(frozen=True, kw_only=True)
class CountedRanking:
    """The revision that counts of one labeler's ranking; all by completion id."""

    labeler: int
    submitted_at: datetime
    strengths: list[int] | None
    flags_asked: list[str]
    ranks: dict[int, int]
    qualities: dict[int, int]
    flags: dict[int, list[str]]

    @property
    def all_flags(self) -> set[str]:
        return {flag for flags in self.flags.values() for flag in flags}


def counted_rankings(task_ids: Collection[int]) -> dict[int, list[CountedRanking]]:
    """By task, in the order in which the labelers first handed in."""
    counting = Ranking.objects.last_revisions().filter(task__in=task_ids).select_related("rubric_version")
    rankings = {ranking.pk: ranking for ranking in counting.order_by("assignment__closed_at", "assignment_id")}
    judged: defaultdict[int, list[tuple[int, int, int | None, list[str]]]] = defaultdict(list)
    for pk, *judgement in (
        RankedCompletion.objects.filter(ranking__in=list(rankings))
        .order_by()
        .values_list("ranking_id", "completion_id", "rank", "quality", "flags")
    ):
        judged[pk].append(tuple(judgement))
    found: defaultdict[int, list[CountedRanking]] = defaultdict(list)
    for ranking in rankings.values():
        said = sorted(judged[ranking.pk])
        found[ranking.task_id].append(
            CountedRanking(
                labeler=ranking.labeler_id,
                submitted_at=ranking.submitted_at,
                strengths=ranking.strengths,
                flags_asked=ranking.rubric_version.flag_keys(),
                ranks={completion: rank for completion, rank, _, _ in said},
                qualities={completion: quality for completion, _, quality, _ in said if quality is not None},
                flags={completion: flags for completion, _, _, flags in said},
            )
        )
    return dict(found)
