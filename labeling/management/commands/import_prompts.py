import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from labeling.base.states import ImportState, UseCase
from labeling.imports.rules.findings import Findings
from labeling.imports.rules.options import options_of
from labeling.imports.rules.outcome import ImportResult
from labeling.imports.rules.reading import Reading, read_prompts
from labeling.imports.rules.rows import Defaults, Take
from labeling.imports.services.prompt_imports import finish_import
from labeling.imports.services.taking_in import Rows, import_rows, preview
from labeling.models import Campaign, PromptImport

PROGRESS_SECONDS = 5


class Command(BaseCommand):
    help = (
        "Imports prompts from a JSON, CSV, TSV or Parquet file (docs/importing.md), with demonstrations, completions "
        "to be ranked and existing comparisons, where the file has them. One refused line refuses the file, unless "
        "--keep-good."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--campaign", required=True, metavar="SLUG")
        parser.add_argument("--keep-good", action="store_true", help="Import the good lines and leave the others.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be imported and refused.")
        parser.add_argument("--submitter", metavar="NAME", help="Of prompts that name none (else each is its own).")
        parser.add_argument("--language", metavar="CODE", help="Of prompts that name none (else told by the script).")
        parser.add_argument("--use-case", choices=[case.value for case in UseCase], help="Of prompts that name none.")
        parser.add_argument(
            "--with-reference", action="store_true", help="Rank the human reference with the completions."
        )
        parser.add_argument(
            "--ignore",
            action="append",
            default=[],
            metavar="FIELD",
            help="Leave this field out, of records and of messages; may be repeated.",
        )
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="NAME=FIELD",
            help="Take the file's column NAME for FIELD; may be repeated.",
        )
        parser.add_argument(
            "--take",
            choices=[take.value for take in Take],
            default=Take.COMPARISONS.value,
            help="What becomes of the file's answers (default: ranked ones are existing comparisons).",
        )
        parser.add_argument(
            "--take-alike", action="store_true", help="Prompts that only begin alike are no near-duplicates."
        )
        parser.add_argument(
            "--demonstrate-compared",
            action="store_true",
            help="Ask for demonstrations of prompts with existing comparisons, too.",
        )
        parser.add_argument("--dataset", default="", metavar="NAME", help="Where the file is from, for exports.")
        parser.add_argument("--licence", default="", metavar="NAME", help="Under which it may be used, for exports.")

    def handle(self, **options: Any) -> None:
        campaign = self._campaign(options["campaign"])
        defaults = Defaults(
            submitter=options["submitter"],
            language=options["language"],
            languages=tuple(campaign.languages),
            use_case=UseCase(options["use_case"]) if options["use_case"] else None,
            with_reference=options["with_reference"],
            ignore=frozenset(options["ignore"]),
            columns=dict(_column(each) for each in options["column"]),
            take=Take(options["take"]),
            take_alike=options["take_alike"],
            demonstrate_compared=options["demonstrate_compared"],
        )
        path: Path = options["file"]
        try:
            if options["dry_run"]:
                with path.open("rb") as file:
                    result = preview(campaign, self._rows(file, path, defaults))
            else:
                result = self._import(campaign, path, defaults, options)
        except (OSError, ValueError) as error:  # a path with NUL is a ValueError
            raise CommandError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from error
        self._report(result, dry_run=options["dry_run"])

    @transaction.atomic
    def _import(self, campaign: Campaign, path: Path, defaults: Defaults, options: dict[str, Any]) -> ImportResult:
        with path.open("rb") as file:
            prompt_import = PromptImport.objects.create(
                campaign=campaign,
                state=ImportState.IMPORTING,
                file_name=path.name,
                size=path.stat().st_size,
                options=options_of(defaults),
                keep_good=options["keep_good"],
                dataset=_short(options["dataset"], "--dataset"),
                licence=_short(options["licence"], "--licence"),
            )
            rows = self._rows(file, path, defaults)
            result = import_rows(campaign, rows, keep_good=options["keep_good"], prompt_import=prompt_import)
        if result.written:
            finish_import(prompt_import, result)
        else:
            prompt_import.delete()
        return result

    def _rows(self, file: BinaryIO, path: Path, defaults: Defaults) -> Rows:
        """The file's rows; now and then somebody at a terminal is told how much of it was read."""
        said_at, size, reading = time.monotonic(), max(1, path.stat().st_size), Reading()

        def tell() -> None:
            nonlocal said_at
            if self.stderr.isatty() and time.monotonic() - said_at > PROGRESS_SECONDS:
                said_at = time.monotonic()
                share = 100 * reading.bytes_done(file.tell()) // size
                self.stderr.write(f"{share}% of {path.name} read")

        reading.each = tell
        return read_prompts(file, filename=path.name, defaults=defaults, reading=reading)

    def _campaign(self, slug: str) -> Campaign:
        campaign = Campaign.objects.filter(slug=slug).first()
        if campaign is None:
            known = ", ".join(Campaign.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no campaign “{slug}”; the campaigns are: {known}.")
        return campaign

    def _report(self, result: ImportResult, *, dry_run: bool) -> None:
        self._say_findings(result.refused)
        self._say_findings(result.warnings, before="warning: ")
        for note in (*result.notes, *_notes_of(result)):
            self.stderr.write(note)
        for name, count in result.formats.items():
            self.stdout.write(f"{_counted(count, 'record')} read as: {name}.")
        if result.lines_together:
            self.stdout.write(
                f"{_counted(result.lines_together, 'line')} with one answer each became "
                f"{_counted(result.prompts_of_lines, 'prompt')}."
            )
        if result.references_left_out:
            self.stdout.write(
                f"{_counted(result.references_left_out, 'human reference')} left out; --with-reference ranks them, too."
            )
        if result.answers_left_out:
            self.stdout.write(
                f"{_counted(result.answers_left_out, 'completion')} left out: empty, or the same as another."
            )
        if result.not_demonstrated:
            self.stdout.write(
                f"{_counted(result.not_demonstrated, 'prompt')} with existing comparisons: no demonstrations are asked "
                "for; --demonstrate-compared asks for them, too."
            )
        came = ", ".join(
            _counted(number, noun)
            for number, noun in (
                (result.prompts, "prompt"),
                (result.demonstrations, "demonstration"),
                (result.ranking_tasks, "ready ranking task"),
                *([(result.comparisons, "existing comparison")] if result.comparisons else []),
            )
        )
        lines = _counted(result.refused.count, "line")
        if dry_run:
            self.stdout.write(f"Would import {came}; would refuse {lines}. Nothing was written.")
        elif result.written:
            self.stdout.write(f"Imported {came}; refused {lines}.")
        else:
            raise CommandError(
                f"{lines} refused, so nothing was imported. Mend them, or import the rest with --keep-good."
            )

    def _say_findings(self, findings: Findings, *, before: str = "") -> None:
        """The first lines of each kind, and how many more there are."""
        for finding in findings.kinds.values():
            for example in finding.examples:
                self.stderr.write(f"{before}{example}")
            if finding.more:
                self.stderr.write(f"{before}and {_counted(finding.more, 'more line')} like these")


def _column(text: str) -> tuple[str, str]:
    name, equals, field = text.rpartition("=")
    if not equals or not name or not field:
        raise CommandError(f"--column {text}: write it as NAME=FIELD, such as --column question=prompt.")
    return name, field


def _short(text: str, option: str) -> str:
    if len(text) > 200:
        raise CommandError(f"{option} has {len(text)} characters; at most 200 are kept.")
    return text


def _notes_of(result: ImportResult) -> list[str]:
    said = []
    if result.spanning.count:
        said.append(
            f"{_counted(result.spanning.count, 'record')} span several lines (the first: "
            f"{result.spanning.examples[0].reason}). Where that is not meant, a quotation mark was left open."
        )
    if result.only_split:
        said.append(
            f"All prompts fall into the split “{result.only_split}”. The split follows from the submitter: give each "
            "prompt its own, or leave the submitter out."
        )
    return said


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
