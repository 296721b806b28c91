"""The rankings of tasks as they count now, and what checks are held against."""

from collections import defaultdict
from collections.abc import Collection

from labeling.base.fast_paths.agreement import RankingRow, rankings_of_tasks
from labeling.desk.ranking.models import Ranking
from labeling.quality.agreement.rules.rows import CountedRanking
from labeling.quality.gold.models import Check
from labeling.quality.gold.rules import ranks_of
from labeling.ranking_tasks.models.completions import Completion


def counted_rankings(task_ids: Collection[int]) -> dict[int, list[CountedRanking]]:
    """By task, in the order in which the labelers first handed in."""
    found: defaultdict[int, list[CountedRanking]] = defaultdict(list)
    for row in rankings_of_tasks(task_ids):
        found[row.task].append(_counted(row))
    return dict(found)


def _counted(row: RankingRow) -> CountedRanking:
    qualities = zip(row.completions, row.qualities, strict=True)
    return CountedRanking(
        labeler=row.labeler,
        submitted_at=row.submitted_at,
        strengths=row.strengths,
        flags_asked=row.flags_asked,
        ranks=dict(zip(row.completions, row.ranks, strict=True)),
        qualities={completion: quality for completion, quality in qualities if quality is not None},
        flags=dict(zip(row.completions, row.flags, strict=True)),
    )


def held_against(check: Check, ranking: Ranking) -> tuple[CountedRanking, CountedRanking]:
    """The first submission of a check, and the gold answer that was in force or the labeler's earlier ranking.

    Both by the completions of the task that the check shows again.
    """
    if check.item is None:
        assert check.earlier is not None  # a CHECK constraint
        original = check.earlier.task_id
        return _said(ranking, shown_in=original), _said(check.earlier, shown_in=original)
    version = check.item.versions.filter(made_at__lte=ranking.submitted_at).order_by("-version").first()
    answer = (version or check.item.versions.earliest("version")).answer
    gold = CountedRanking(
        labeler=None,
        submitted_at=ranking.submitted_at,
        ranks=ranks_of(answer["tiers"]),
        qualities={},
        flags={int(completion): keys for completion, keys in answer["flags"].items()},
    )
    return _said(ranking, shown_in=check.item.task_id), gold


def _said(ranking: Ranking, *, shown_in: int) -> CountedRanking:
    """What a ranking says, by the completions of the task of which its own may be a copy."""
    original = dict(Completion.objects.filter(task=shown_in).values_list("text_key", "pk"))
    said = [
        (original[ranked.completion.text_key], ranked)
        for ranked in ranking.ranked_completions.select_related("completion")
    ]
    return CountedRanking(
        labeler=ranking.labeler_id,
        submitted_at=ranking.submitted_at,
        strengths=ranking.strengths,
        ranks={completion: ranked.rank for completion, ranked in said},
        qualities={completion: ranked.quality for completion, ranked in said if ranked.quality is not None},
        flags={completion: ranked.flags for completion, ranked in said},
    )
