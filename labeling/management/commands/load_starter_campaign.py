from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState
from labeling.campaigns.services.starter import (
    accounts_with,
    create_accounts,
    first_model_path,
    load_campaign,
    register_first_model,
)
from labeling.conversations.services.harvesting import take_all
from labeling.model_versions.queries import current_sft_model
from labeling.models import ModelCheck
from labeling.tasks.sampling import top_up_ready_queues

KNOWN_PASSWORD = "concord-demo"  # noqa: S105  (for a laptop; production refuses it)


class Command(BaseCommand):
    help = (
        "Makes the starter campaign, one admin and three labelers, and registers the language model at SFT_MODEL_PATH "
        "(or the demo's). What is there already is left alone; when nothing is missing, nothing is said."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--password", help=f"The new accounts' password ({KNOWN_PASSWORD} on a laptop, required in production)."
        )
        parser.add_argument("--no-accounts", action="store_true", help="Make no accounts.")

    def handle(self, **options: Any) -> None:
        password = self._password(options["password"], wanted=not options["no_accounts"])
        try:
            did = [*self._campaign(), *self._model()]
        except ModelRefused as refused:
            raise CommandError(str(refused)) from refused
        new_accounts = create_accounts(password=password) if password else []
        if not did and not new_accounts:
            return
        for line in did:
            self.stdout.write(line)
        for name in accounts_with(password=password) if password else []:
            self.stdout.write(f"Account: {name} / {password}")
        self._say_if_no_model()
        top_up_ready_queues()  # the first task need not wait for beat

    def _password(self, given: str | None, *, wanted: bool) -> str | None:
        if not wanted:
            return None
        if given is None and settings.PRODUCTION:
            raise CommandError(
                "In production no account gets a password that everybody knows. Give --password or --no-accounts."
            )
        return given or KNOWN_PASSWORD

    def _campaign(self) -> list[str]:
        campaign = load_campaign()
        if campaign is None:
            return []
        take_all(campaign=campaign)
        return [f"Campaign “{campaign}” is open with {campaign.prompts.count()} prompts."]

    def _model(self) -> list[str]:
        version = register_first_model()
        if version is None:
            return []
        return [f"Completions are sampled from “{version}” ({version.path}), once a worker has tried it."]

    def _say_if_no_model(self) -> None:
        if not current_sft_model() and not ModelCheck.objects.filter(state=CheckState.WAITING).exists():
            self.stdout.write(
                f"There is no language model at {first_model_path()} yet, so nothing is sampled. Register one: "
                "manage.py register_model --kind sft --path DIR --promote"
            )
