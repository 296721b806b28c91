"""Takes rows into a campaign: all of them or none, or only the valid ones where that is asked for.

One transaction, so that a file is in wholly or not at all, whatever dies meanwhile. Memory does not grow with the file.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO

from django.db import connection, transaction
from django.utils import timezone

from labeling.base.refusals import InvalidCompletions, PromptRefused, SkillRefused
from labeling.base.states import ImportState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.services.prompts import add_prompt
from labeling.desk.demonstrating.services import import_demonstrations
from labeling.imports.models import ImportedRanking, PromptImport
from labeling.imports.rules.findings import EXAMPLES, Example
from labeling.imports.rules.outcome import ACCEPTED_SHOWN, Accepted, ImportResult
from labeling.imports.rules.rows import Comparison, RefusedRow, Row
from labeling.imports.services.incoming_texts import IncomingTexts
from labeling.ranking_tasks.services.tasks import make_task_of_given
from lm.errors import UnusablePrompt
from lm.prompt_format import Message

IMPORT_LOCK = 0x436F6E49  # "ConI"
AT_ONCE = 500
"""Demonstrations in one statement."""

Rows = Iterable[Row | RefusedRow]


def preview(campaign: Campaign, rows: Rows, *, prompt_import: PromptImport | None = None) -> ImportResult:
    """Returns what an import would add and refuse, near-duplicates included. It runs the import and rolls it back."""
    with transaction.atomic():
        result = _TakingIn(campaign, prompt_import or _import_of_nothing(campaign)).all(rows)
        transaction.set_rollback(True)
    return result


def import_rows(
    campaign: Campaign, rows: Rows, *, keep_good: bool, prompt_import: PromptImport | None = None
) -> ImportResult:
    """All rows, or none if one is refused; with `keep_good` those that are not refused.

    They belong to `prompt_import`, or to a new import without a file.
    """
    with transaction.atomic():
        result = _TakingIn(campaign, prompt_import or _import_of_nothing(campaign)).all(rows)
        result.written = keep_good or not result.refused.count
        if not result.written:
            transaction.set_rollback(True)
    return result


def _import_of_nothing(campaign: Campaign) -> PromptImport:
    return PromptImport.objects.create(campaign=campaign, state=ImportState.DONE, finished_at=timezone.now())


def is_import_running() -> bool:
    """Whether another connection is taking rows in."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [IMPORT_LOCK])
        return not cursor.fetchone()[0]


class _TakingIn:
    """One pass over the rows."""

    def __init__(self, campaign: Campaign, prompt_import: PromptImport) -> None:
        self._campaign = campaign
        self._import = prompt_import
        self.result = ImportResult()
        self._texts = IncomingTexts(max_new_tokens=campaign.max_new_tokens)
        if self._texts.note:
            self.result.notes.append(self._texts.note)

    def all(self, rows: Rows) -> ImportResult:
        _one_import_at_a_time()
        with tempfile.TemporaryFile("w+", encoding="utf-8") as demonstrations:
            for row in rows:
                if isinstance(row, RefusedRow):
                    self._refuse(row)
                else:
                    self._row(row, demonstrations)
            # last, because exports wait for transactions that hand labels in
            self.result.demonstrations = _add_demonstrations(demonstrations)
        return self.result

    def _row(self, row: Row, demonstrations: IO[str]) -> None:
        try:
            prompt = self._take(row)
        except (PromptRefused, InvalidCompletions, SkillRefused, UnusablePrompt) as refused:
            self._refuse(self._refusal(row, refused))
            return
        for text in row.demonstrations:
            demonstrations.write(json.dumps([prompt.pk, text]) + "\n")
        self._note(row, prompt)

    def _take(self, row: Row) -> Prompt:
        """Adds the prompt, or finds the one with the very same messages where the row compares answers to it."""
        self._texts.refuse_unanswerable(_messages_of(row))
        with transaction.atomic():
            found = self._same_prompt(row) if row.comparison else None
            prompt = found or self._add(row)
            if row.comparison:
                self._add_comparison(prompt, row.comparison, row.line)
            task = make_task_of_given(prompt=prompt, completions=row.completions) if row.completions else None
        result = self.result
        if found is None:
            result.prompts += 1
            result.splits[prompt.opening.split] = result.splits.get(prompt.opening.split, 0) + 1
        if task is not None:
            result.ranking_tasks += 1
            result.answers_left_out += task.k_requested - (task.k or 0)
        result.comparisons += row.comparison is not None
        return prompt

    def _add(self, row: Row) -> Prompt:
        compared = row.comparison is not None
        return add_prompt(
            campaign=self._campaign,
            messages=row.messages,
            submitter=row.submitter,
            source=row.source,
            use_case=row.use_case,
            language=row.language,
            content_warnings=row.content_warnings,
            required_skills=row.required_skills,
            # What came with the prompt need not be made again.
            ranking_tasks_needed=0 if row.completions or compared else None,
            demonstrations_needed=max(0, self._campaign.demonstrations_per_prompt - len(row.demonstrations)),
            whole_text_differs=row.whole_text_differs or compared,
            prompt_import_id=self._import.pk,
            import_line=row.line,
        )

    def _same_prompt(self, row: Row) -> Prompt | None:
        keys = [prompt_key(row.messages), prompt_key(row.messages, whole=True)]
        twins = Prompt.objects.select_related("opening").filter(campaign=self._campaign, dedupe_key__in=keys)
        return next((twin for twin in twins if twin.messages == list(row.messages)), None)

    def _add_comparison(self, prompt: Prompt, comparison: Comparison, line: int) -> None:
        completions = [{"text": each.text, "model": each.model, "rank": each.rank} for each in comparison.completions]
        content = json.dumps([completions, comparison.strengths, comparison.annotator], ensure_ascii=False)
        key = hashlib.sha256(content.encode()).hexdigest()
        if prompt.imported_rankings.filter(content_key=key).exists():
            raise PromptRefused("The same comparison of the same prompt is there already.")
        ImportedRanking.objects.create(
            prompt=prompt,
            prompt_import=self._import,
            line=line,
            completions=completions,
            strengths=list(comparison.strengths) if comparison.strengths is not None else None,
            annotator=comparison.annotator,
            content_key=key,
        )

    def _note(self, row: Row, prompt: Prompt) -> None:
        """Counts what is to be said of a row that was taken."""
        result = self.result
        result.references_left_out += row.reference_left_out
        result.answers_left_out += row.answers_left_out
        if row.format:
            result.formats[row.format] = result.formats.get(row.format, 0) + row.lines
        if row.lines > 1:
            result.lines_together += row.lines
            result.prompts_of_lines += 1
        if row.last_line:
            result.spanning.count += 1
            if len(result.spanning.examples) < EXAMPLES:
                said = f"lines {row.line} to {row.last_line} are one record"
                result.spanning.examples.append(Example(line=row.line, reason=said))
        for reason in (*row.warnings, *self._warnings_of(row)):
            result.warnings.add(Example(line=row.line, reason=reason))
        if len(result.accepted) < ACCEPTED_SHOWN:
            result.accepted.append(_accepted(row, prompt))

    def _warnings_of(self, row: Row) -> Iterator[str]:
        ranked = row.comparison.completions if row.comparison else ()
        answers = [*row.demonstrations, *(each.text for each in row.completions), *(each.text for each in ranked)]
        return self._texts.warnings(_messages_of(row), answers)

    def _refuse(self, row: RefusedRow) -> None:
        self.result.refused.add(
            Example(line=row.line, column=row.column, reason=row.reason, twin_id=row.twin_id), lines=row.lines
        )

    def _refusal(self, row: Row, refused: Exception) -> RefusedRow:
        twin = getattr(refused, "twin_id", None)
        same_file = Prompt.objects.filter(pk=twin, prompt_import=self._import) if twin is not None else None
        if same_file and (line := same_file.values_list("import_line", flat=True).first()) is not None:
            reason = f"It starts like line {line} of this file (near-duplicate)."
            return RefusedRow(line=row.line, column=1, reason=reason, lines=row.lines)
        return RefusedRow(line=row.line, column=1, reason=str(refused), twin_id=twin, lines=row.lines)


def _messages_of(row: Row) -> list[Message]:
    return [Message(role=each["role"], content=each["content"]) for each in row.messages]


def _accepted(row: Row, prompt: Prompt) -> Accepted:
    ranked = row.comparison.completions if row.comparison else ()
    answers = [f"{each.rank}: {each.text[:60]}" for each in sorted(ranked, key=lambda each: each.rank)]
    answers = answers or [each.text[:60] for each in row.completions] or [text[:60] for text in row.demonstrations]
    return Accepted(
        line=row.line,
        format=row.format,
        text=row.messages[-1]["content"][:400],
        answers="\n".join(answers),
        language=row.language,
        use_case=row.use_case,
        submitter=row.submitter,
        split=prompt.opening.split,
    )


def _one_import_at_a_time() -> None:
    """Two imports would lock the same submitters in different order; the second waits for the first instead."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])


def _add_demonstrations(kept: IO[str]) -> int:
    """Adds those that were written to the file, one a line. Returns how many."""
    kept.seek(0)
    lines, count = iter(kept), 0
    while batch := [json.loads(line) for line in islice(lines, AT_ONCE)]:
        import_demonstrations(batch)
        count += len(batch)
    return count
