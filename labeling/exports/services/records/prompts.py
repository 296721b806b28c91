"""The records of prompts, streamed from Postgres."""

from collections.abc import Iterator

from labeling.base.states import LabelerGroup
from labeling.exports.services.records.fields import ROWS_AT_ONCE, messages_of
from labeling.exports.services.selected import prompts_of
from labeling.exports.services.selection import Selection
from lm.snapshot.manifest import SCHEMA, utc_text
from lm.snapshot.records.written import PromptRecord


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
        chunk_size=ROWS_AT_ONCE
    ):
        yield {
            "schema": SCHEMA,
            "prompt_id": prompt_id,
            "campaign": campaign,
            "split": split,
            "prompt": messages_of(messages),
            "use_case": use_case,
            "language": language,
            "source": source,
            "created_at": utc_text(created_at),
        }
