"""The records of a snapshot, streamed from Postgres in the order of their ids (docs/data-contract.md).

Memory stays constant: a server-side cursor walks the rankings, and the completions of a few hundred at a time come
with one more query. What is read never changes (migration 0002), so the statements need no common database snapshot.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from labeling.base.states import LabelerGroup
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import RankedCompletion
from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.exports.queries import KEPT, demonstrations_with_exclusion
from labeling.exports.services.selected import demonstrations_of, prompts_of, rankings_of
from labeling.exports.services.selection import Selection
from lm.prompt_format import Message
from lm.snapshot.manifest import SCHEMA, utc_text
from lm.snapshot.records import (
    HELD_OUT,
    LABELER,
    STRONGEST,
    CompletionRecord,
    DemonstrationRecord,
    PairRecord,
    PromptRecord,
    RankingRecord,
)

T = TypeVar("T")

RANKINGS_AT_ONCE = 500
"""Measured: 100 cost 4% more processor time, 2,000 save 10% and hold 17 MB of completions (benchmarks/export.py)."""


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
    for batch in _batches(rows.iterator(chunk_size=RANKINGS_AT_ONCE), RANKINGS_AT_ONCE):
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
        "prompt": _messages(messages),
        "completions": completions,
        "strengths": strengths,
        "none_acceptable": none_acceptable,
        "labeler": _pseudonym(labeler_id),
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


def pair_records(ranking: RankingRecord, *, margins: bool = False) -> list[PairRecord]:
    """TRL's conversational preferences: one for each usable pair, by chosen's rank, chosen's id, rejected's id.

    With `margins` each says how much better the chosen one is: 0, ⅓, ⅔, 1 for the strengths 1 to 4 (Llama 2, §3.2), of
    ranks further apart the sum of their steps, at most 4; 0 where the labeler was not asked. Of several people's
    rankings it is the share of them by whom the chosen one wins.
    """
    completions = ranking["completions"]
    pairs = [
        (completions[better], completions[worse])
        for better, worse in usable_pairs([each["rank"] for each in completions])
    ]
    pairs.sort(key=lambda pair: (pair[0]["rank"], pair[0]["completion_id"], pair[1]["completion_id"]))
    records: list[PairRecord] = []
    for chosen, rejected in pairs:
        record: PairRecord = {
            "prompt": ranking["prompt"],
            "chosen": _answer(chosen["text"]),
            "rejected": _answer(rejected["text"]),
        }
        if margins:
            record["margin"] = _margin_of(ranking, chosen, rejected)
        records.append(record)
    return records


def _margin_of(ranking: RankingRecord, chosen: CompletionRecord, rejected: CompletionRecord) -> float:
    """Of a consensus the share of people by whom the chosen one wins; 0 where the order goes against them."""
    if ranking["consensus"] is None:
        return _margin(ranking["strengths"], chosen["rank"], rejected["rank"])
    people = len(ranking["consensus"]["rankings"])
    for vote in ranking["consensus"]["votes"]:
        if {vote["first"], vote["second"]} == {chosen["completion_id"], rejected["completion_id"]}:
            won = vote["above"] - vote["below"]
            return max(0.0, (won if vote["first"] == chosen["completion_id"] else -won) / people)
    return 0.0


def _margin(strengths: list[int | None] | None, upper: int, lower: int) -> float:
    if strengths is None:
        return 0.0
    steps = [1 if step is None else step for step in strengths[upper - 1 : lower - 1]]  # nobody is asked of an edit
    return (min(sum(steps), STRONGEST) - 1) / (STRONGEST - 1)


def demonstration_records(selection: Selection) -> Iterator[DemonstrationRecord]:
    """One record for each demonstration whose last revision as of the time is selected. Call inside a transaction."""
    rows = demonstrations_of(selection).values_list(
        "id",
        "revision",
        "prompt_id",
        "prompt__campaign__slug",
        "prompt__opening__split",
        "prompt__messages",
        "text",
        "labeler_id",
        "labeler_group",
        "simulated",
        "prompt__use_case",
        "prompt__language",
        "source",
        "instruction_version__version",
        "active_seconds",
        "submitted_at",
        "message__suggestion__outcome",
        "message__suggestion__edit_distance",
        "message__suggestion__model_version__name",
        "fixed_by_id",
        "prompt__source",
    )
    for row in rows.iterator(chunk_size=RANKINGS_AT_ONCE):
        yield _demonstration_record(selection, row)


def _demonstration_record(selection: Selection, row: tuple[Any, ...]) -> DemonstrationRecord:
    (demonstration_id, revision, prompt_id, campaign, split, messages, text, labeler_id) = row[:8]
    (group, simulated, use_case, language, source, instructions, active_seconds, submitted_at) = row[8:16]
    (outcome, edit_distance, model, fixed_by, prompt_source) = row[16:]
    return {
        "schema": SCHEMA,
        "demonstration_id": demonstration_id,
        "revision": revision,
        "prompt_id": prompt_id,
        "campaign": campaign,
        "split": HELD_OUT if selection.held_out else split,
        "prompt": _messages(messages),
        "completion": _answer(text),
        "labeler": None if labeler_id is None else _pseudonym(labeler_id),
        "labeler_group": group,
        "simulated": simulated,
        "use_case": use_case,
        "language": language,
        "source": source,
        "instruction_version": instructions,
        "active_seconds": active_seconds,
        "submitted_at": utc_text(submitted_at),
        "suggestion": {"outcome": outcome, "edit_distance": edit_distance, "model": model} if outcome else None,
        "fixed": fixed_by is not None,
        "prompt_source": prompt_source,
    }


def prompt_records(selection: Selection) -> Iterator[PromptRecord]:
    """One record for each selected prompt that is not set aside now, and that no held-out labeler wrote: nothing is
    trained on their work. Call inside a transaction.
    """
    rows = (
        prompts_of(selection)
        .filter(set_aside_reason="")
        .exclude(author__group=LabelerGroup.HELD_OUT)
        .values_list(
            "id", "campaign__slug", "opening__split", "messages", "use_case", "language", "source", "created_at"
        )
    )
    for prompt_id, campaign, split, messages, use_case, language, source, created_at in rows.iterator(
        chunk_size=RANKINGS_AT_ONCE
    ):
        yield {
            "schema": SCHEMA,
            "prompt_id": prompt_id,
            "campaign": campaign,
            "split": split,
            "prompt": _messages(messages),
            "use_case": use_case,
            "language": language,
            "source": source,
            "created_at": utc_text(created_at),
        }


def _messages(messages: list[dict[str, str]]) -> list[Message]:
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _pseudonym(labeler_id: int) -> str:
    return f"L{labeler_id}"  # Labeler.pseudonym, without loading the labeler


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
