from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.states import ModelKind
from labeling.models import ModelVersion
from labeling.training.services.carrying_out import CannotTrain
from labeling.training.services.retraining import measure_folds
from labeling.training.services.trainer_process import TrainerFailed, TrainerInterrupted
from lm.progress import AliveEvent, Event


class Command(BaseCommand):
    help = (
        "Trains a reward model's kind once for each group of labelers, without that group, and measures each on the "
        "labelers it was not trained on (InstructGPT 4.1). Takes as long as that many trainings; the same call goes "
        "on after a stop. The model version's page shows the outcome."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="Name of a reward model that was trained here.")
        parser.add_argument("--folds", type=int, default=5, help="Groups of labelers.")

    def handle(self, **options: Any) -> None:
        version = ModelVersion.objects.filter(kind=ModelKind.REWARD, name=options["model"]).first()
        if version is None:
            known = ", ".join(ModelVersion.objects.filter(kind=ModelKind.REWARD).values_list("name", flat=True))
            raise CommandError(f"There is no reward model “{options['model']}”; there are: {known or 'none yet'}.")
        try:
            path = measure_folds(version, folds=options["folds"], heard=self._say)
        except (CannotTrain, TrainerFailed, TrainerInterrupted) as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(self.style.SUCCESS(f"{path} is written, and shown on the page of {version}."))

    def _say(self, event: Event | AliveEvent) -> None:
        if event["event"] == "done":
            self.stdout.write(f"{event['output']} is done.")
