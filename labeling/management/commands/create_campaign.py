from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import UnknownLanguage
from labeling.base.states import CampaignState
from labeling.campaigns.services.campaigns import campaign_defaults, change_campaign_state, create_campaign
from labeling.campaigns.services.starter import LANGUAGES, starter_flags, starter_instructions

NUMBERS = {
    "priority": int,
    "demonstrations_per_prompt": int,
    "ranking_tasks_per_prompt": int,
    "rankings_per_task": int,
    "k_min": int,
    "k_max": int,
    "temperature": float,
    "top_p": float,
    "max_new_tokens": int,
    "ready_minutes": int,
    "lease_minutes": int,
}


class Command(BaseCommand):
    help = (
        "Makes a campaign. Instructions that are not given are the starter campaign's, and so is the rubric "
        "(InstructGPT's Table 3); both can get new versions in the admin. Numbers that are not given are the settings'."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slug", required=True, help="Its short name in exports and commands; it never changes.")
        parser.add_argument("--name", required=True)
        parser.add_argument("--description", default="", help="One or two sentences for the labelers' start page.")
        parser.add_argument("--languages", nargs="+", default=list(LANGUAGES), metavar="CODE")
        parser.add_argument("--instructions-en", type=Path, metavar="FILE", help="Markdown.")
        parser.add_argument("--instructions-zh", type=Path, metavar="FILE", help="Markdown.")
        parser.add_argument("--open", action="store_true", help="Open it to labelers at once.")
        for name, kind in NUMBERS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=campaign_defaults().get(name))

    def handle(self, **options: Any) -> None:
        numbers = {name: options[name] for name in NUMBERS if options[name] is not None}
        try:
            campaign = create_campaign(
                slug=options["slug"],
                name=options["name"],
                description=options["description"],
                languages=options["languages"],
                instructions=self._instructions(options),
                flags=starter_flags(),
                **numbers,
            )
            if options["open"]:
                change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
        except UnknownLanguage as unknown:
            raise CommandError(str(unknown)) from unknown
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"The instructions must be UTF-8 ({error}).") from error
        self.stdout.write(f"Campaign “{campaign}” is {'open' if options['open'] else 'a draft'}.")

    def _instructions(self, options: dict[str, Any]) -> dict[str, str]:
        files = {"en": options["instructions_en"], "zh-hans": options["instructions_zh"]}
        given = {language: path.read_text(encoding="utf-8") for language, path in files.items() if path is not None}
        return given or starter_instructions()
