"""Imports prompts from a file: all lines or none, or only the valid lines where that is asked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from django.db import connection, transaction

from labeling.base.refusals import InvalidCompletions, PromptRefused
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt
from labeling.desk.demonstrating.services import import_demonstration
from labeling.imports.rules.rows import RefusedRow, Row
from labeling.model_versions.queries import current_sft_model
from labeling.ranking_tasks.services.tasks import make_task_of_given
from lm.errors import UnusableModel, UnusablePrompt
from lm.model_directory import context_length
from lm.prompt_format import Message
from lm.prompt_tokens import count_tokens
from sampler.protocol import PromptTooLong

IMPORT_LOCK = 0x436F6E49  # "ConI"

CheckPrompt = Callable[[Row], None]


@dataclass(kw_only=True)
class ImportResult:
    """What came in, or would come in where nothing was `written`; `refused` in the order of the file."""

    prompts: int = 0
    demonstrations: int = 0
    ranking_tasks: int = 0
    references_left_out: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: bool = False


def preview(campaign: Campaign, rows: Iterable[Row | RefusedRow]) -> ImportResult:
    """Returns what an import would add and refuse, near-duplicates included. It runs the import and rolls it back."""
    with transaction.atomic():
        result = _import(campaign, rows)
        transaction.set_rollback(True)
    return result


def import_rows(campaign: Campaign, rows: Iterable[Row | RefusedRow], *, keep_good: bool) -> ImportResult:
    """All rows, or none if one is refused; with `keep_good` those that are not refused."""
    with transaction.atomic():
        result = _import(campaign, rows)
        result.written = keep_good or not result.refused
        if not result.written:
            transaction.set_rollback(True)
    return result


def _import(campaign: Campaign, rows: Iterable[Row | RefusedRow]) -> ImportResult:
    _one_import_at_a_time()
    result = ImportResult()
    check_prompt = _prompt_check(campaign, result)
    lines: dict[int, int] = {}
    demonstrations: list[tuple[Prompt, str]] = []
    for row in rows:
        if isinstance(row, RefusedRow):
            result.refused.append(row)
            continue
        try:
            prompt = _add(campaign, row, check_prompt, result)
        except (PromptRefused, InvalidCompletions, UnusablePrompt) as refused:
            result.refused.append(_refusal(row, refused, lines))
            continue
        lines[prompt.pk] = row.line
        demonstrations += [(prompt, text) for text in row.demonstrations]
    _add_demonstrations(demonstrations, result)
    return result


def _one_import_at_a_time() -> None:
    """Two imports would lock the same submitters in different order; the second waits for the first instead."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])


def _add(campaign: Campaign, row: Row, check_prompt: CheckPrompt | None, result: ImportResult) -> Prompt:
    if check_prompt is not None:
        check_prompt(row)
    with transaction.atomic():
        prompt = add_prompt(
            campaign=campaign,
            messages=row.messages,
            submitter=row.submitter,
            source=row.source,
            use_case=row.use_case,
            language=row.language,
            content_warnings=row.content_warnings,
            # What came with the prompt need not be made again.
            ranking_tasks_needed=0 if row.completions else None,
            demonstrations_needed=max(0, campaign.demonstrations_per_prompt - len(row.demonstrations)),
        )
        if row.completions:
            make_task_of_given(prompt=prompt, completions=row.completions)
    result.prompts += 1
    result.ranking_tasks += bool(row.completions)
    result.references_left_out += row.reference_left_out
    return prompt


def _add_demonstrations(demonstrations: list[tuple[Prompt, str]], result: ImportResult) -> None:
    """Adds the demonstrations. It comes last, because exports wait for transactions that hand labels in."""
    for prompt, text in demonstrations:
        import_demonstration(prompt=prompt, text=text)
        result.demonstrations += 1


def _refusal(row: Row, refused: Exception, lines: dict[int, int]) -> RefusedRow:
    twin = getattr(refused, "twin_id", None)
    if twin in lines:
        reason = f"It starts like line {lines[twin]} of this file (near-duplicate)."
        return RefusedRow(line=row.line, column=1, reason=reason)
    return RefusedRow(line=row.line, column=1, reason=str(refused), twin_id=twin)


def _prompt_check(campaign: Campaign, result: ImportResult) -> CheckPrompt | None:
    """What refuses prompts that the current SFT model couldn't answer; None without a model that can be read."""
    model = current_sft_model()
    if model is None:
        return None
    try:
        context = context_length(model.path)
        count_tokens(model.path, [Message(role="user", content="Hi")])  # a model that can't count this counts nothing
    except (UnusableModel, UnusablePrompt) as unusable:
        result.notes.append(f"How long the prompts are was not checked: {unusable}")
        return None
    return partial(_check_length, path=model.path, context=context, max_new_tokens=campaign.max_new_tokens)


def _check_length(row: Row, *, path: str, context: int, max_new_tokens: int) -> None:
    messages = [Message(role=each["role"], content=each["content"]) for each in row.messages]
    tokens = count_tokens(path, messages)
    if tokens > context - max_new_tokens:
        raise PromptTooLong(tokens=tokens, context=context, max_new_tokens=max_new_tokens)
