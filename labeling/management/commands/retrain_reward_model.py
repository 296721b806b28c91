import socket
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import ModelRefused, RetrainingRefused
from labeling.base.states import RunState
from labeling.model_versions.queries import reward_model_named
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import TrainingRun
from labeling.training.services.requesting import QUEUED_RUNS, request_retraining
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run
from labeling.training.services.watching import have_watched


class Command(BaseCommand):
    help = (
        "Asks a training worker to export, train, evaluate, register and, where the rule says so, promote a "
        "reward model. With --now it is done here, in this process, without a worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reward-model", metavar="SLUG", help="Which one; the default one if left out.")
        parser.add_argument(
            "--halves",
            action="store_true",
            help="Train it on one half of the prompts and, to watch it in PPO, another reward model on the other half. "
            "That holds from then on: later calls without --halves train both, too.",
        )
        parser.add_argument("--now", action="store_true", help="Do it here and wait for the end.")
        parser.add_argument(
            "--include-simulated",
            action="store_true",
            help="Train on simulated labelers' rankings, too. The version stays a candidate.",
        )
        parser.add_argument(
            "--promote-simulated",
            action="store_true",
            help="With --include-simulated: let it become current, if the rule says so.",
        )

    def handle(self, **options: Any) -> None:
        try:
            slug = options["reward_model"]
            reward_model = default_reward_model() if slug is None else reward_model_named(slug)
            ask = have_watched if options["halves"] and not hasattr(reward_model, "watcher") else request_retraining
            run = ask(
                trigger="manual",
                reward_model=reward_model,
                note="manage.py retrain_reward_model",
                include_simulated=options["include_simulated"],
                promote_simulated=options["promote_simulated"],
            )
        except (ModelRefused, RetrainingRefused) as refused:
            raise CommandError(str(refused)) from refused
        if options["now"]:
            self._do_here(run)
            if watching := TrainingRun.objects.filter(beside=run).first():
                self._do_here(watching)
        elif QUEUED_RUNS.send():
            self.stdout.write(f"Training run {run.pk} is queued; follow it in the admin.")
        else:
            self.stdout.write(
                f"Training run {run.pk} waits in the database: Redis can't be reached, beat will send it later."
            )

    def _do_here(self, run: TrainingRun) -> None:
        claimed = claim_run(run=run, worker=f"{socket.gethostname()} (command line)")
        if claimed is None:
            raise CommandError(
                f"Training run {run.pk} was taken by a worker in the same moment; follow it in the admin."
            )
        self.stdout.write(f"Training run {run.pk} started; its log is written below VAR_DIR/log …")
        retrain(claimed)
        run.refresh_from_db()
        if run.state == RunState.QUEUED:
            raise CommandError(f"Training run {run.pk} was interrupted: {run.interruption} A worker goes on with it.")
        if run.state == RunState.FAILED:
            raise CommandError(f"Training run {run.pk} failed: {run.failure}")
        self.stdout.write(self.style.SUCCESS(f"Training run {run.pk}: {run.model_version}. {run.decision}"))
