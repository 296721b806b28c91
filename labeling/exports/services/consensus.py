"""One ranking of each task that several labelers ranked: their consensus by ranked pairs, or a reviewer's adjudication.

What labelers handed in stays as it is; which of it goes in is selected as for any snapshot, so that labels which are
left out of training have no vote. Everything follows from rows that never change, up to the snapshot's time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from statistics import median_low

from labeling.exports.services.records.rankings import Edit, records_with_edits, with_edit
from labeling.exports.services.selection import Selection
from labeling.quality.consensus.rules import Consensus, ranked_pairs
from labeling.review.models.reviews import Adjudication
from lm.snapshot.manifest import utc_text
from lm.snapshot.records.constants import ADJUDICATED, ADJUDICATED_FROM, CONSENSUS, CONSENSUS_FROM
from lm.snapshot.records.written import CompletionRecord, ConsensusRecord, RankingRecord

TASKS_AT_ONCE = 200
OfTask = list[tuple[RankingRecord, Edit | None]]


def combined_records(selection: Selection, *, edits_left_out: Counter[str]) -> Iterator[RankingRecord]:
    """One record for each task, in the order of the tasks' ids. Call inside a transaction.

    A task is as it was adjudicated last; without an adjudication it is left out where adjudicated ones alone are asked
    for, a single ranking as it is, and of several their consensus. Edits improve one labeler's best, so they go with a
    single ranking alone; others are left out and counted by split.
    """
    rows = records_with_edits(selection, order=["task_id", "id"])
    tasks = (list(together) for _task, together in groupby(rows, key=lambda row: row[0]["task_id"]))
    while batch := list(islice(tasks, TASKS_AT_ONCE)):
        adjudications = _adjudications(selection, [of_task[0][0]["task_id"] for of_task in batch])
        for of_task in batch:
            record = _combined(of_task, adjudications.get(of_task[0][0]["task_id"] or 0))
            edits_left_out[record["split"]] += _edits_lost(of_task, record)
            yield record


def _adjudications(selection: Selection, tasks: Sequence[int | None]) -> dict[int, Adjudication]:
    """The last adjudication of each task up to the snapshot's time. Held-out labelers' work has none."""
    if selection.held_out:
        return {}
    found = Adjudication.objects.filter(task__in=tasks, decided_at__lte=selection.as_of)
    last = found.order_by("number").prefetch_related("completions")
    return {adjudication.task_id: adjudication for adjudication in last}


def _combined(of_task: OfTask, adjudication: Adjudication | None) -> RankingRecord:
    records = [record for record, _edit in of_task]
    if adjudication is not None:
        return _adjudicated(records, adjudication)
    if len(records) == 1:
        return with_edit(*of_task[0])
    found = _consensus(records)
    return _together(records, found, found.ranks) | {"ranking_id": CONSENSUS_FROM + (records[0]["task_id"] or 0)}


def _edits_lost(of_task: OfTask, record: RankingRecord) -> int:
    edits = sum(edit is not None for _record, edit in of_task)
    return edits - any(completion["edited"] for completion in record["completions"])


def _adjudicated(records: Sequence[RankingRecord], adjudication: Adjudication) -> RankingRecord:
    ranks = {each.completion_id: each.rank for each in adjudication.completions.all()}
    return _together(records, _consensus(records), ranks) | {
        "ranking_id": ADJUDICATED_FROM + adjudication.pk,
        "revision": adjudication.number,
        "none_acceptable": adjudication.none_acceptable,
        "submitted_at": utc_text(adjudication.decided_at),
        "label": ADJUDICATED,
    }


def _consensus(records: Sequence[RankingRecord]) -> Consensus:
    return ranked_pairs([{_id(each): each["rank"] for each in record["completions"]} for record in records])


def _id(completion: CompletionRecord) -> int:
    assert completion["completion_id"] is not None  # edits have none, and are not among these
    return completion["completion_id"]


def _together(records: Sequence[RankingRecord], consensus: Consensus, ranks: dict[int, int]) -> RankingRecord:
    """What several rankings of one task say together, with those ranks. It is nobody's own."""
    first = records[0]
    by_completion = zip(*(record["completions"] for record in records), strict=True)
    return {
        **first,
        "revision": 1,
        "completions": [_completion(same, rank=ranks[_id(same[0])]) for same in by_completion],
        "strengths": None,
        "none_acceptable": _most([bool(record["none_acceptable"]) for record in records]),
        "labeler": None,
        "simulated": any(record["simulated"] for record in records),
        "instruction_version": max(record["instruction_version"] or 0 for record in records),
        "rubric_version": max(record["rubric_version"] or 0 for record in records),
        "active_seconds": sum(record["active_seconds"] or 0.0 for record in records),
        "submitted_at": max(record["submitted_at"] for record in records),
        "label": CONSENSUS,
        "fixed": any(record["fixed"] for record in records),
        "consensus": _votes(records, consensus),
    }


def _completion(same: Sequence[CompletionRecord], *, rank: int) -> CompletionRecord:
    """What each ranking says of one completion, as one: the lower median of the ratings, and flags that most set."""
    ratings = [each["quality"] for each in same if each["quality"] is not None]
    flags = sorted({flag for each in same for flag in each["flags"]})
    return {
        **same[0],
        "rank": rank,
        "quality": median_low(ratings) if ratings else None,
        "flags": [flag for flag in flags if _most([flag in each["flags"] for each in same])],
        "note": "",
        "shown_position": None,
    }


def _most(said: Sequence[bool]) -> bool:
    """Whether more than half say so."""
    return 2 * sum(said) > len(said)


def _votes(records: Sequence[RankingRecord], consensus: Consensus) -> ConsensusRecord:
    return {
        "rankings": sorted(record["ranking_id"] for record in records),
        "votes": [
            {"first": vote.first, "second": vote.second, "above": vote.above, "below": vote.below, "tied": vote.tied}
            for vote in consensus.votes
        ],
    }
