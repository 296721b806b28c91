import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState, ModelKind, ModelState
from labeling.model_versions.models import RewardModel
from labeling.model_versions.queries import reward_model_named
from labeling.model_versions.services.checks import check_again
from labeling.model_versions.services.promotion import promote_when_checked
from labeling.model_versions.services.registration import find_or_register, local_model
from labeling.models import ModelVersion

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Registers a safetensors checkpoint as a model version. A worker then loads it and uses it once; with "
        "--promote it becomes the current one of its kind as soon as that has worked: the SFT model that completions "
        "are sampled from, or the reward model. Run again, it changes nothing; one that failed is tried once more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", required=True, choices=[kind.value for kind in ModelKind])
        parser.add_argument(
            "--path", required=True, help="The checkpoint's directory, or a Hugging Face id: owner/name[@revision]."
        )
        parser.add_argument("--name", help="A name of its own; the directory's name if left out.")
        parser.add_argument(
            "--reward-model", metavar="SLUG", help="Which reward model it is a version of; the default one if left out."
        )
        parser.add_argument(
            "--promote-simulated",
            action="store_true",
            help="With --promote: though it learned from simulated labelers.",
        )
        parser.add_argument("--promote", action="store_true", help="Make it the current one of its kind.")
        parser.add_argument(
            "--wait",
            type=float,
            default=0,
            metavar="SECONDS",
            help="Wait so long for the worker, and say what it found.",
        )

    def handle(self, **options: Any) -> None:
        try:
            path = local_model(model=options["path"], models_dir=Path(settings.MODELS_DIR))
            name = options["name"] or path.resolve().name
            version, is_new = find_or_register(
                kind=ModelKind(options["kind"]), name=name, path=path, reward_model=_reward_model(options)
            )
            self.stdout.write(f"{'Registered' if is_new else 'Already registered:'} {version.kind} model “{version}”.")
            self._have_it_used(version, promote=options["promote"], simulated=options["promote_simulated"])
        except ModelRefused as refused:
            raise CommandError(str(refused)) from refused
        self._say_what_came_of_it(version, seconds=options["wait"])

    def _have_it_used(self, version: ModelVersion, *, promote: bool, simulated: bool) -> None:
        if promote and version.state != ModelState.CURRENT:
            reason = "manage.py register_model --promote"
            version = promote_when_checked(version=version, reason=reason, simulated=simulated)
            if version.state == ModelState.CURRENT:
                self.stdout.write(f"“{version}” is now the current {version.kind} model.")
        elif (check := version.last_check) is None or check.state == CheckState.FAILED:
            check_again(version=version)

    def _say_what_came_of_it(self, version: ModelVersion, *, seconds: float) -> None:
        until = time.monotonic() + seconds
        check = version.last_check
        assert check is not None  # registering asks for one
        while check.state == CheckState.WAITING and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            check.refresh_from_db()
        if check.state == CheckState.WAITING:
            then = ", and promotes it when that works" if check.promotion_reason else ""
            self.stdout.write(f"A worker loads it and uses it once{then}; the admin's page of it says what came of it.")
        elif check.state == CheckState.FAILED:
            raise CommandError(f"“{version}” can't be used: {check.failure}")
        elif seconds:
            version.refresh_from_db()
            self.stdout.write(f"It works: {check.result}. “{version}” is {version.get_state_display().lower()} now.")


def _reward_model(options: dict[str, Any]) -> RewardModel | None:
    slug = options["reward_model"]
    if slug is None:
        return None
    if options["kind"] != ModelKind.REWARD:
        raise CommandError("--reward-model is for --kind reward; there is one SFT model only.")
    return reward_model_named(slug)
