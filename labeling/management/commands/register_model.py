from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelKind, ModelState
from labeling.model_versions.models import RewardModel
from labeling.model_versions.queries import reward_model_named
from labeling.model_versions.services import find_or_register, local_model, promote


class Command(BaseCommand):
    help = (
        "Registers a safetensors checkpoint as a model version; with --promote, makes it the current one of its kind: "
        "the SFT model that completions are sampled from, or the reward model. Run again, it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", required=True, choices=[kind.value for kind in ModelKind])
        parser.add_argument("--path", required=True, help="The checkpoint's directory, or a Hugging Face id.")
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

    def handle(self, **options: Any) -> None:
        try:
            path = local_model(model=options["path"], models_dir=Path(settings.MODELS_DIR))
            name = options["name"] or path.resolve().name
            version, is_new = find_or_register(
                kind=ModelKind(options["kind"]), name=name, path=path, reward_model=_reward_model(options)
            )
            self.stdout.write(f"{'Registered' if is_new else 'Already registered:'} {version.kind} model “{version}”.")
            if options["promote"] and version.state != ModelState.CURRENT:
                promote(
                    version=version,
                    reason="manage.py register_model --promote",
                    simulated=options["promote_simulated"],
                )
                self.stdout.write(f"“{version}” is now the current {version.kind} model.")
        except ModelRefused as refused:
            raise CommandError(str(refused)) from refused


def _reward_model(options: dict[str, Any]) -> RewardModel | None:
    slug = options["reward_model"]
    if slug is None:
        return None
    if options["kind"] != ModelKind.REWARD:
        raise CommandError("--reward-model is for --kind reward; there is one SFT model only.")
    return reward_model_named(slug)
