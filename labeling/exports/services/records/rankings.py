"""The records of rankings, each with its completions and its labeler's edit of the best one.

Memory stays constant: a server-side cursor walks the rankings, and the completions of a few hundred at a time come
with one more query. What is read never changes (migration 0002), so the statements need no common database snapshot.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import RankedCompletion
from labeling.exports.queries import KEPT, demonstrations_with_exclusion
from labeling.exports.services.records.fields import ROWS_AT_ONCE, messages_of, pseudonym
from labeling.exports.services.selected import rankings_of
from labeling.exports.services.selection import Selection
from lm.snapshot.manifest import SCHEMA, utc_text
from lm.snapshot.records.constants import HELD_OUT, LABELER
from lm.snapshot.records.written import CompletionRecord, RankingRecord

T = TypeVar("T")
Edit = tuple[int, str]
"""(demonstration, text) of a labeler's improvement of the best completion."""


def ranking_records(selection: Selection, *, edits_left_out: Counter[str]) -> Iterator[RankingRecord]:
    """One record for each ranking whose last revision as of the time is selected. Call inside a transaction.

    An edit that is another completion of its ranking, word for word, is left out of it and counted by split.
    """
    for record, edit in records_with_edits(selection, order=["id"]):
        edited = with_edit(record, edit)
        edits_left_out[record["split"]] += edited is record and edit is not None
        yield edited


def records_with_edits(selection: Selection, *, order: Sequence[str]) -> Iterator[tuple[RankingRecord, Edit | None]]:
    """The selected rankings as their labelers handed them in, in that order, each with its edit."""
    rows = (
        rankings_of(selection)
        .order_by(*order)
        .values_list(
            "id",
            "revision",
            "task_id",
            "task__prompt_id",
            "task__campaign__slug",
            "task__prompt__opening__split",
            "task__prompt__messages",
            "labeler_id",
            "labeler_group",
            "simulated",
            "task__prompt__use_case",
            "task__prompt__language",
            "task__prompt__source",
            "instruction_version__version",
            "rubric_version__version",
            "active_seconds",
            "submitted_at",
            "strengths",
            "none_acceptable",
            "fixed_by_id",
        )
    )
    for batch in _batches(rows.iterator(chunk_size=ROWS_AT_ONCE), ROWS_AT_ONCE):
        completions = _completions_of([row[0] for row in batch])
        edits = _edits_of(selection, [row[0] for row in batch])
        for row in batch:
            yield _ranking_record(selection, row, completions[row[0]]), edits.get(row[0])


def _ranking_record(selection: Selection, row: tuple[Any, ...], completions: list[CompletionRecord]) -> RankingRecord:
    (ranking_id, revision, task_id, prompt_id, campaign, split, messages, labeler_id, group, simulated) = row[:10]
    (use_case, language, source, instructions, rubric, active_seconds, submitted_at) = row[10:17]
    (strengths, none_acceptable, fixed_by) = row[17:]
    return {
        "schema": SCHEMA,
        "ranking_id": ranking_id,
        "revision": revision,
        "task_id": task_id,
        "prompt_id": prompt_id,
        "campaign": campaign,
        "split": HELD_OUT if selection.held_out else split,
        "prompt": messages_of(messages),
        "completions": completions,
        "strengths": strengths,
        "none_acceptable": none_acceptable,
        "labeler": pseudonym(labeler_id),
        "labeler_group": group,
        "simulated": simulated,
        "use_case": use_case,
        "language": language,
        "source": source,
        "instruction_version": instructions,
        "rubric_version": rubric,
        "active_seconds": active_seconds,
        "submitted_at": utc_text(submitted_at),
        "imported": None,
        "label": LABELER,
        "fixed": fixed_by is not None,
        "consensus": None,
    }


def _completions_of(ranking_ids: list[int]) -> dict[int, list[CompletionRecord]]:
    rows = (
        RankedCompletion.objects.filter(ranking_id__in=ranking_ids)
        .order_by("ranking_id", "completion_id")
        .values_list(
            "ranking_id",
            "completion_id",
            "completion__text",
            "rank",
            "quality",
            "flags",
            "note",
            "shown_position",
            "completion__run__imported_model_name",
            "completion__run__model_version__name",
            "completion__run__model_version_id",
            "completion__run__temperature",
            "completion__run__top_p",
            "completion__seed",
            "completion__run__seed",
            "completion__token_count",
            "completion__finish_reason",
            "completion__mean_logprob",
            "completion__run__best_of",
            "completion__run__demonstration_id",
        )
    )
    completions: dict[int, list[CompletionRecord]] = defaultdict(list)
    for row in rows:
        completions[row[0]].append(_completion_record(row))
    return completions


def _edits_of(selection: Selection, ranking_ids: list[int]) -> dict[int, tuple[int, str]]:
    """(demonstration, text) by ranking: the edit of that very revision, handed in by then and not left out."""
    edits = Demonstration.objects.filter(ranking_id__in=ranking_ids, submitted_at__lte=selection.as_of)
    known = demonstrations_with_exclusion(edits, as_of=selection.as_of)
    kept = known if selection.include_left_out else known.filter(excluded=KEPT)
    return {edit.ranking_id: (edit.pk, edit.text) for edit in kept}


def with_edit(ranking: RankingRecord, edit: Edit | None) -> RankingRecord:
    """Adds the labeler's edit of the best completion as one more completion above all, without a strength.

    Returns the very ranking where there is no edit, or one that would have a completion chosen over itself.
    """
    if edit is None:
        return ranking
    demonstration_id, text = edit
    if any(each["text"].strip() == text.strip() for each in ranking["completions"]):
        return ranking
    lower: list[CompletionRecord] = [{**each, "rank": each["rank"] + 1} for each in ranking["completions"]]
    strengths = ranking["strengths"]
    return {
        **ranking,
        "completions": [*lower, _edited_completion(demonstration_id, text)],
        "strengths": None if strengths is None else [None, *strengths],
    }


def _edited_completion(demonstration_id: int, text: str) -> CompletionRecord:
    return {
        "completion_id": None,
        "text": text,
        "rank": 1,
        "quality": None,
        "flags": [],
        "note": "",
        "shown_position": None,
        "model": None,
        "model_version_id": None,
        "temperature": None,
        "top_p": None,
        "seed": None,
        "tokens": None,
        "finish_reason": None,
        "mean_logprob": None,
        "best_of": None,
        "edited": True,
        "demonstration_id": demonstration_id,
    }


def _completion_record(row: tuple[Any, ...]) -> CompletionRecord:
    (_, completion_id, text, rank, quality, flags, note, shown_position) = row[:8]
    (imported_name, model, model_id, temperature, top_p, seed, run_seed, tokens, finish_reason, logprob) = row[8:18]
    best_of, demonstration_id = row[18:]
    return {
        "completion_id": completion_id,
        "text": text,
        "rank": rank,
        "quality": quality,
        "flags": flags,
        "note": note,
        "shown_position": shown_position,
        "model": imported_name or model or None,
        "model_version_id": model_id,
        "temperature": temperature,
        "top_p": top_p,
        "seed": run_seed if seed is None else seed,
        "tokens": tokens,
        "finish_reason": None if demonstration_id else finish_reason,
        "mean_logprob": logprob,
        "best_of": best_of if model_id else None,
        "edited": False,
        "demonstration_id": demonstration_id,
    }


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
