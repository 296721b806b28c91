"""The records of demonstrations, streamed from Postgres in the order of their ids."""

from collections.abc import Iterator
from typing import Any

from labeling.exports.services.records.fields import ROWS_AT_ONCE, answer, messages_of, pseudonym
from labeling.exports.services.selected import demonstrations_of
from labeling.exports.services.selection import Selection
from lm.snapshot.manifest import SCHEMA, utc_text
from lm.snapshot.records.constants import HELD_OUT
from lm.snapshot.records.written import DemonstrationRecord


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
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
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
        "prompt": messages_of(messages),
        "completion": answer(text),
        "labeler": None if labeler_id is None else pseudonym(labeler_id),
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
