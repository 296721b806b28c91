"""Takes rows into a campaign: all of them or none, or only the valid ones where that is asked for.

One transaction, so that a file is in wholly or not at all, whatever dies meanwhile. Memory does not grow with the file.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO

from django.db import connection, transaction
from django.utils import timezone

from labeling.base.refusals import InvalidCompletions, PromptRefused
from labeling.base.states import ImportState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.services.prompts import NewPrompt, add_prompts
from labeling.desk.demonstrating.services import import_demonstrations
from labeling.imports.models import PromptImport
from labeling.imports.rules.findings import EXAMPLES, Example
from labeling.imports.rules.outcome import ACCEPTED_SHOWN, Accepted, ImportResult
from labeling.imports.rules.rows import RefusedRow, Row
from labeling.imports.services.comparisons import add_comparisons
from labeling.imports.services.incoming_texts import IncomingTexts
from labeling.ranking_tasks.rules import checked_completions
from labeling.ranking_tasks.services.tasks import make_tasks_of_given
from lm.errors import UnusablePrompt
from lm.prompt_format import Message

IMPORT_LOCK = 0x436F6E49  # "ConI"
AT_ONCE = 500
"""Demonstrations in one statement."""
ROWS_AT_ONCE = 200
"""Rows in one block: a statement costs about as much as some rows of it do."""

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
            waiting = iter(rows)
            while block := list(islice(waiting, ROWS_AT_ONCE)):
                self._block(block, demonstrations)
            # last, because exports wait for transactions that hand labels in
            self.result.demonstrations = _add_demonstrations(demonstrations)
        return self.result

    def _block(self, block: Sequence[Row | RefusedRow], demonstrations: IO[str]) -> None:
        """Takes in what can be, all of it by a few statements, and notes each row in the order of the file."""
        taken = self._take([row for row in block if isinstance(row, Row)])
        lines = self._lines_of_twins(taken.values())
        for row in block:
            if isinstance(row, RefusedRow):
                self._refuse(row)
                continue
            found = taken[id(row)]
            if not isinstance(found, Prompt):
                self._refuse(self._refusal(row, found, lines))
                continue
            for text in row.demonstrations:
                demonstrations.write(json.dumps([found.pk, text]) + "\n")
            self._note(row, found)

    def _take(self, rows: Sequence[Row]) -> dict[int, Prompt | Exception]:
        """By id() of the row, the prompt that it became or belongs to, or why it is refused."""
        faults = {id(row): fault for row in rows if (fault := self._fault_of(row))}
        sound = [row for row in rows if id(row) not in faults]
        compared = [row for row in sound if row.comparison]
        known = self._same_prompts(compared)
        # A comparison belongs to the prompt with the very same messages: one that was there, or of a line before.
        first = {_text_of(row.messages): row for row in reversed(sound)}
        owner = {id(row): first[_text_of(row.messages)] for row in compared if _text_of(row.messages) not in known}
        new = [row for row in sound if not row.comparison or owner.get(id(row)) is row]
        added = add_prompts(campaign=self._campaign, prompts=[self._prompt_of(row) for row in new])
        if self._campaign.demonstrations_per_prompt:
            came = [row for row, answer in zip(new, added, strict=True) if isinstance(answer, Prompt)]
            self.result.not_demonstrated += sum(not row.demonstrations_asked for row in came)
        taken: dict[int, Prompt | Exception] = {id(row): each for row, each in zip(new, added, strict=True)}
        for row in compared:
            own = owner.get(id(row))
            taken.setdefault(id(row), known[_text_of(row.messages)] if own is None else taken[id(own)])
        self._count_prompts(answer for answer in added if isinstance(answer, Prompt))
        # Where that line was refused as a prompt, the first comparison adds the prompt after all.
        lost = {pk for pk, own in owner.items() if not own.comparison and not isinstance(taken[id(own)], Prompt)}
        orphans, rest = [row for row in sound if id(row) in lost], [row for row in sound if id(row) not in lost]
        self._add_tasks([(row, found) for row in rest if isinstance(found := taken[id(row)], Prompt)])
        pairs = [(row, found) for row in rest if row.comparison and isinstance(found := taken[id(row)], Prompt)]
        refused = add_comparisons(pairs, prompt_import=self._import)
        self.result.comparisons += len(pairs) - len(refused)
        return {**taken, **refused, **faults, **(self._take(orphans) if orphans else {})}

    def _fault_of(self, row: Row) -> Exception | None:
        """What keeps it out whatever else there is."""
        try:
            self._texts.refuse_unanswerable(_messages_of(row))
            if row.completions:
                checked_completions(row.completions)
        except (InvalidCompletions, UnusablePrompt) as refused:
            return refused
        return None

    def _prompt_of(self, row: Row) -> NewPrompt:
        compared = row.comparison is not None
        wanted = self._campaign.demonstrations_per_prompt if row.demonstrations_asked else 0
        return NewPrompt(
            messages=row.messages,
            submitter=row.submitter,
            source=row.source,
            use_case=row.use_case,
            language=row.language,
            content_warnings=row.content_warnings,
            required_skills=row.required_skills,
            # What came with the prompt need not be made again.
            ranking_tasks_needed=0 if row.completions or compared else None,
            demonstrations_needed=max(0, wanted - len(row.demonstrations)),
            whole_text_differs=row.whole_text_differs or compared,
            prompt_import_id=self._import.pk,
            import_line=row.line,
        )

    def _same_prompts(self, rows: Sequence[Row]) -> dict[str, Prompt]:
        """The campaign's prompts with the very messages of these rows, by their text."""
        keys = {prompt_key(row.messages, whole=whole) for row in rows for whole in (False, True)}
        if not keys:
            return {}
        twins = Prompt.objects.select_related("opening", "campaign").filter(
            campaign=self._campaign, dedupe_key__in=keys
        )
        return {_text_of(twin.messages): twin for twin in twins.order_by("-pk")}  # the first one stays

    def _count_prompts(self, added: Iterable[Prompt]) -> None:
        for prompt in added:
            self.result.prompts += 1
            self.result.splits[prompt.opening.split] = self.result.splits.get(prompt.opening.split, 0) + 1

    def _add_tasks(self, taken: Sequence[tuple[Row, Prompt]]) -> None:
        tasks = make_tasks_of_given([(prompt, row.completions) for row, prompt in taken if row.completions])
        self.result.ranking_tasks += len(tasks)
        self.result.answers_left_out += sum(task.k_requested - (task.k or 0) for task in tasks)

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

    def _lines_of_twins(self, answers: Iterable[Prompt | Exception]) -> dict[int, int]:
        """By prompt that a row repeats: its line, where it came in this file."""
        twins = {answer.twin_id for answer in answers if isinstance(answer, PromptRefused) and answer.twin_id}
        if not twins:
            return {}
        of_file = Prompt.objects.filter(pk__in=twins, prompt_import=self._import, import_line__isnull=False)
        return {pk: line for pk, line in of_file.values_list("pk", "import_line") if line is not None}

    def _refusal(self, row: Row, refused: Exception, lines: Mapping[int, int]) -> RefusedRow:
        twin: int | None = getattr(refused, "twin_id", None)
        if twin is not None and twin in lines:
            reason = f"It starts like line {lines[twin]} of this file (near-duplicate)."
            return RefusedRow(line=row.line, column=1, reason=reason, lines=row.lines)
        return RefusedRow(line=row.line, column=1, reason=str(refused), twin_id=twin, lines=row.lines)


def _text_of(messages: Sequence[Message]) -> str:
    """The same for the very same messages, and for no others."""
    return json.dumps([[each["role"], each["content"]] for each in messages], ensure_ascii=False)


def _messages_of(row: Row) -> list[Message]:
    return [Message(role=each["role"], content=each["content"]) for each in row.messages]


def _accepted(row: Row, prompt: Prompt) -> Accepted:
    ranked = row.comparison.completions if row.comparison else ()
    answers = [f"{each.rank}: {_beginning(each.text)}" for each in sorted(ranked, key=lambda each: each.rank)]
    answers = answers or [_beginning(text) for text in (*(each.text for each in row.completions), *row.demonstrations)]
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


def _beginning(text: str) -> str:
    """On one line, because each answer of a list has one."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


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
