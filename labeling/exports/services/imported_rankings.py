"""Existing comparisons as records: in a snapshot only where it is asked for, and marked as imported."""

from collections.abc import Iterator
from typing import Any

from labeling.exports.services.selected import imported_rankings_of
from labeling.exports.services.selection import Selection
from labeling.imports.models import ImportedRanking
from lm.snapshot.manifest import SCHEMA, utc_text
from lm.snapshot.records.constants import IMPORTED_FROM, LABELER, MOST_IMPORTED
from lm.snapshot.records.written import CompletionRecord, RankingRecord

AT_ONCE = 500


def imported_ranking_records(selection: Selection) -> Iterator[RankingRecord]:
    """One record for each comparison whose import was done by then, in the order of their ids.

    They are nobody's work here, so held-out labelers' snapshots have none. Call inside a transaction.
    """
    if not selection.include_imported:
        return
    related = imported_rankings_of(selection).select_related("prompt__campaign", "prompt__opening", "prompt_import")
    for row in related.order_by("pk").iterator(chunk_size=AT_ONCE):
        yield _record(row)


def _record(row: ImportedRanking) -> RankingRecord:
    prompt, prompt_import = row.prompt, row.prompt_import
    assert prompt_import.finished_at is not None  # it is done
    return {
        "schema": SCHEMA,
        "ranking_id": IMPORTED_FROM + row.pk,
        "revision": 1,
        "task_id": None,
        "prompt_id": prompt.pk,
        "campaign": prompt.campaign.slug,
        "split": prompt.opening.split,
        "prompt": prompt.messages,
        "completions": [_completion(row.pk, number, each) for number, each in enumerate(row.completions, start=1)],
        "strengths": None if row.strengths is None else list(row.strengths),
        "none_acceptable": None,
        "labeler": None,
        "labeler_group": None,
        "simulated": False,
        "use_case": prompt.use_case,
        "language": prompt.language,
        "source": prompt.source,
        "instruction_version": None,
        "rubric_version": None,
        "active_seconds": None,
        "submitted_at": utc_text(prompt_import.finished_at),
        "imported": {
            "dataset": prompt_import.dataset,
            "licence": prompt_import.licence,
            "annotator": row.annotator,
        },
        "label": LABELER,
        "fixed": False,
        "consensus": None,
    }


def _completion(ranking: int, number: int, given: dict[str, Any]) -> CompletionRecord:
    return {
        "completion_id": IMPORTED_FROM + ranking * MOST_IMPORTED + number,
        "text": given["text"],
        "rank": given["rank"],
        "quality": None,
        "flags": [],
        "note": "",
        "shown_position": None,
        "model": given["model"],
        "model_version_id": None,
        "temperature": None,
        "top_p": None,
        "seed": None,
        "tokens": None,
        "finish_reason": "imported",
        "mean_logprob": None,
        "best_of": None,
        "edited": False,
        "demonstration_id": None,
    }
