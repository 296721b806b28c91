"""The rows that agreement is kept as, from the rankings of a task. Pure. Their columns are said with the tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, TypedDict

from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST
from labeling.quality.agreement.rules.pairs import compare
from labeling.quality.consensus.rules import ranked_pairs

FEWEST_FOR_CONSENSUS = 2
"""Others: the consensus of a single one is that labeler."""
Kind = Literal["labeler", "consensus", "gold", "self"]


@dataclass(frozen=True, kw_only=True)
class CountedRanking:
    """What counts of one labeler's ranking, or what stands in the place of one; all by completion id.

    `labeler`: None for a gold answer or a consensus. `flags_asked`: the keys of the rubric.
    """

    labeler: int | None
    submitted_at: datetime
    ranks: dict[int, int]
    qualities: dict[int, int]
    flags: dict[int, list[str]]
    strengths: list[int] | None = None
    flags_asked: Sequence[str] = ()

    @cached_property
    def all_flags(self) -> set[str]:
        return {flag for flags in self.flags.values() for flag in flags}


class RankingAgreementRow(TypedDict):
    task_id: int
    labeler_id: int | None
    partner_kind: Kind
    partner_id: int | None
    compared_at: datetime
    same: int
    opposed: int
    tied_by_labeler: int
    tied_by_partner: int
    tied_by_both: int
    same_by_strength: list[int]
    opposed_by_strength: list[int]
    tau: float | None
    flags: list[str]
    rated: int
    own_rating: int
    own_squares: int
    their_rating: int
    their_squares: int


class CompletionAgreementRow(TypedDict):
    completion_id: int
    task_id: int
    compared_at: datetime
    ranks: list[int]
    qualities: list[int]
    flags: dict[str, list[int]]


def rows_between(
    task: int, rankings: Sequence[CountedRanking], *, of: int | None = None
) -> Iterator[RankingAgreementRow]:
    """All rows of a task, or those that a hand-in of the labeler `of` changes: theirs, and those with a consensus."""
    for place, one in enumerate(rankings):
        for other in rankings[place + 1 :]:
            if of in {None, one.labeler, other.labeler}:
                row = row_of(task, one, other, kind="labeler")
                yield row
                yield _turned(row)
        others = [each for each in rankings if each is not one]
        if len(others) >= FEWEST_FOR_CONSENSUS:
            yield row_of(task, one, _consensus(others), kind="consensus")


def _consensus(rankings: Sequence[CountedRanking]) -> CountedRanking:
    return CountedRanking(
        labeler=None,
        submitted_at=max(each.submitted_at for each in rankings),
        ranks=ranked_pairs([each.ranks for each in rankings]).ranks,
        qualities={},
        flags={},
    )


def row_of(task: int, one: CountedRanking, other: CountedRanking, *, kind: Kind) -> RankingAgreementRow:
    counts = compare(one.ranks, other.ranks, first_strengths=one.strengths, second_strengths=other.strengths)
    both = one.qualities.keys() & other.qualities.keys()
    own, theirs = [one.qualities[each] for each in both], [other.qualities[each] for each in both]
    return {
        "task_id": task,
        "labeler_id": one.labeler,
        "partner_kind": kind,
        "partner_id": other.labeler if kind == "labeler" else None,
        "compared_at": max(one.submitted_at, other.submitted_at),
        "same": counts.same,
        "opposed": counts.opposed,
        "tied_by_labeler": counts.tied_by_first,
        "tied_by_partner": counts.tied_by_second,
        "tied_by_both": counts.tied_by_both,
        "same_by_strength": counts.same_by_strength,
        "opposed_by_strength": counts.opposed_by_strength,
        "tau": counts.tau_b(),
        "flags": sorted(one.all_flags | other.all_flags),
        "rated": len(both),
        "own_rating": sum(own),
        "own_squares": sum(each * each for each in own),
        "their_rating": sum(theirs),
        "their_squares": sum(each * each for each in theirs),
    }


def _turned(row: RankingAgreementRow) -> RankingAgreementRow:
    """The same as the partner sees it."""
    return {
        **row,
        "labeler_id": row["partner_id"],
        "partner_id": row["labeler_id"],
        "tied_by_labeler": row["tied_by_partner"],
        "tied_by_partner": row["tied_by_labeler"],
        "own_rating": row["their_rating"],
        "own_squares": row["their_squares"],
        "their_rating": row["own_rating"],
        "their_squares": row["own_squares"],
    }


def completion_rows(task: int, rankings: Sequence[CountedRanking]) -> Iterator[CompletionAgreementRow]:
    asked = sorted({flag for ranking in rankings for flag in ranking.flags_asked})
    compared_at = max(ranking.submitted_at for ranking in rankings)
    for completion in rankings[0].ranks:
        ranks, qualities = [0] * len(rankings[0].ranks), [0] * QUALITY_HIGHEST
        for ranking in rankings:
            ranks[ranking.ranks[completion] - 1] += 1
            if completion in ranking.qualities:
                qualities[ranking.qualities[completion] - 1] += 1
        yield {
            "completion_id": completion,
            "task_id": task,
            "compared_at": compared_at,
            "ranks": ranks,
            "qualities": qualities,
            "flags": {flag: _set_by(flag, completion, rankings) for flag in asked},
        }


def _set_by(flag: str, completion: int, rankings: Sequence[CountedRanking]) -> list[int]:
    """[how many who were asked did not set the flag, how many did]."""
    said = [flag in ranking.flags[completion] for ranking in rankings if flag in ranking.flags_asked]
    return [said.count(False), said.count(True)]
