"""The rankings of tasks as they count now."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.quality.gold.models import Check
from labeling.quality.gold.rules import ranks_of
from labeling.ranking_tasks.models import Completion


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
    said_by = RankedCompletion.objects.filter(ranking__in=list(rankings)).order_by()
    for pk, completion, rank, quality, flags in said_by.values_list(
        "ranking_id", "completion_id", "rank", "quality", "flags"
    ):
        judged[pk].append((completion, rank, quality, flags))
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


def held_against(check: Check, ranking: Ranking) -> tuple[CountedRanking, CountedRanking]:
    """The first submission of a check, and the gold answer that was in force or the labeler's earlier ranking.

    Both by the completions of the task that the check shows again.
    """
    if check.item is not None:
        version = check.item.versions.filter(made_at__lte=ranking.submitted_at).order_by("-version").first()
        version = version or check.item.versions.earliest("version")
        original = check.item.task_id
        flags = {int(completion): keys for completion, keys in version.answer["flags"].items()}
        partner = _counted(ranking, ranks_of(version.answer["tiers"]), {}, flags)
    else:
        assert check.earlier is not None  # a CHECK constraint
        original = check.earlier.task_id
        partner = _said(check.earlier, shown_in=original)
    return _said(ranking, shown_in=original), partner


def _said(ranking: Ranking, *, shown_in: int) -> CountedRanking:
    """What a ranking says, by the completions of the task of which its own may be a copy."""
    original = dict(Completion.objects.filter(task=shown_in).values_list("text_key", "pk"))
    said = [
        (original[key], rank, quality, flags)
        for key, rank, quality, flags in ranking.ranked_completions.values_list(
            "completion__text_key", "rank", "quality", "flags"
        )
    ]
    return _counted(
        ranking,
        {completion: rank for completion, rank, _, _ in said},
        {completion: quality for completion, _, quality, _ in said if quality is not None},
        {completion: flags for completion, _, _, flags in said},
    )


def _counted(
    ranking: Ranking, ranks: dict[int, int], qualities: dict[int, int], flags: dict[int, list[str]]
) -> CountedRanking:
    return CountedRanking(
        labeler=ranking.labeler_id,
        submitted_at=ranking.submitted_at,
        strengths=ranking.strengths,
        flags_asked=[],
        ranks=ranks,
        qualities=qualities,
        flags=flags,
    )
