"""Existing comparisons of a file, each kept once with its prompt."""

import hashlib
import json
from collections.abc import Sequence

from labeling.base.refusals import PromptRefused
from labeling.campaigns.models.prompts import Prompt
from labeling.imports.models import ImportedRanking, PromptImport
from labeling.imports.rules.rows import Comparison, Row


def add_comparisons(rows: Sequence[tuple[Row, Prompt]], *, prompt_import: PromptImport) -> dict[int, PromptRefused]:
    """Adds the comparison of each row to its prompt. Returns, by id() of the row, which are there already."""
    keys = {id(row): _key_of(_comparison(row)) for row, _prompt in rows}
    there = set(
        ImportedRanking.objects.filter(
            prompt__in=[prompt for _row, prompt in rows], content_key__in=set(keys.values())
        ).values_list("prompt", "content_key")
    )
    refused: dict[int, PromptRefused] = {}
    made = []
    for row, prompt in rows:
        key = keys[id(row)]
        if (prompt.pk, key) in there:
            refused[id(row)] = PromptRefused("The same comparison of the same prompt is there already.")
            continue
        there.add((prompt.pk, key))
        made.append(_ranking(_comparison(row), prompt, key, line=row.line, prompt_import=prompt_import))
    ImportedRanking.objects.bulk_create(made)
    return refused


def _comparison(row: Row) -> Comparison:
    assert row.comparison is not None  # of such rows alone
    return row.comparison


def _ranking(
    comparison: Comparison, prompt: Prompt, key: str, *, line: int, prompt_import: PromptImport
) -> ImportedRanking:
    return ImportedRanking(
        prompt=prompt,
        prompt_import=prompt_import,
        line=line,
        completions=_ranked(comparison),
        strengths=list(comparison.strengths) if comparison.strengths is not None else None,
        annotator=comparison.annotator,
        content_key=key,
    )


def _ranked(comparison: Comparison) -> list[dict[str, str | int]]:
    return [{"text": each.text, "model": each.model, "rank": each.rank} for each in comparison.completions]


def _key_of(comparison: Comparison) -> str:
    content = json.dumps([_ranked(comparison), comparison.strengths, comparison.annotator], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
