from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.states import UseCase
from labeling.imports.rules.reading import read_prompts
from labeling.imports.rules.rows import Defaults
from labeling.imports.services import ImportResult, import_rows, preview
from labeling.models import Campaign


class Command(BaseCommand):
    help = (
        "Imports prompts from a JSONL or CSV file (docs/importing.md), with demonstrations and with completions that "
        "are ready to be ranked, where the file has them. One refused line refuses the file, unless --keep-good."
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
            "--ignore", action="append", default=[], metavar="FIELD", help="Leave this field out; may be repeated."
        )

    def handle(self, **options: Any) -> None:
        campaign = self._campaign(options["campaign"])
        defaults = Defaults(
            submitter=options["submitter"],
            language=options["language"],
            languages=tuple(campaign.languages),
            use_case=UseCase(options["use_case"]) if options["use_case"] else None,
            with_reference=options["with_reference"],
            ignore=frozenset(options["ignore"]),
        )
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                rows = read_prompts(file, filename=path.name, defaults=defaults)
                if options["dry_run"]:
                    result = preview(campaign, rows)
                else:
                    result = import_rows(campaign, rows, keep_good=options["keep_good"])
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        self._report(result, dry_run=options["dry_run"])

    def _campaign(self, slug: str) -> Campaign:
        campaign = Campaign.objects.filter(slug=slug).first()
        if campaign is None:
            known = ", ".join(Campaign.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no campaign “{slug}”; the campaigns are: {known}.")
        return campaign

    def _report(self, result: ImportResult, *, dry_run: bool) -> None:
        for refused in result.refused:
            self.stderr.write(str(refused))
        for note in result.notes:
            self.stderr.write(note)
        if result.references_left_out:
            self.stdout.write(
                f"{_counted(result.references_left_out, 'human reference')} left out; --with-reference ranks them, too."
            )
        came = ", ".join(
            _counted(number, noun)
            for number, noun in (
                (result.prompts, "prompt"),
                (result.demonstrations, "demonstration"),
                (result.ranking_tasks, "ready ranking task"),
            )
        )
        lines = _counted(len(result.refused), "line")
        if dry_run:
            self.stdout.write(f"Would import {came}; would refuse {lines}. Nothing was written.")
        elif result.written:
            self.stdout.write(f"Imported {came}; refused {lines}.")
        else:
            raise CommandError(
                f"{lines} refused, so nothing was imported. Mend them, or import the rest with --keep-good."
            )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
