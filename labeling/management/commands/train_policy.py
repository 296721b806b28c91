import socket
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import Refusal
from labeling.base.states import CheckState, ModelKind, ModelState, PolicyStage, RunState
from labeling.imports.services.starter import load_starter_demonstrations
from labeling.model_versions.queries import current_reward_model, current_sft_model, watcher_of
from labeling.model_versions.services.promotion import promote_when_checked
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import ModelCheck, ModelVersion, PolicyRun, RewardModel
from labeling.policies.services.requesting import QUEUED_POLICY_RUNS, request_policy_run
from labeling.policies.services.training import train_policy
from labeling.training.services.runs import claim_run

LOOK_SECONDS = 2.0
WAIT_SECONDS = 600.0
PROMOTION_SECONDS = 10.0
"""What has passed becomes current a moment later."""


class Command(BaseCommand):
    help = (
        "Asks a training worker to train a policy: sft from demonstrations, ppo against a reward model, dpo from "
        "rankings. With --now it is done here, in this process, without a worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stage", choices=PolicyStage.values)
        parser.add_argument("--start", metavar="VERSION", help="The language model to begin from; the current one.")
        parser.add_argument(
            "--rewarded-by", metavar="VERSION", help="The reward model's version; the current one if left out."
        )
        parser.add_argument(
            "--together-with", metavar="VERSION", nargs="+", help="Further reward models, which ppo optimises as one."
        )
        parser.add_argument("--watched-by", metavar="VERSION", help="Another one, which only watches ppo.")
        parser.add_argument("--now", action="store_true", help="Do it here and wait for the end.")
        parser.add_argument(
            "--include-simulated", action="store_true", help="Learn from what simulated labelers made, too."
        )
        parser.add_argument(
            "--starter-demonstrations",
            action="store_true",
            help="Take in the demonstrations that come with Concord first, where they are not there yet.",
        )
        parser.add_argument(
            "--promote", action="store_true", help="With --now: make it current as soon as a worker has tried it."
        )
        parser.add_argument(
            "--taste",
            metavar="RULE",
            help="With --now: say how often that rule of simulated labelers prefers it to what it began from.",
        )

    def handle(self, **options: Any) -> None:
        if (options["promote"] or options["taste"]) and not options["now"]:
            raise CommandError("--promote and --taste need the finished model. Give --now as well.")
        if options["starter_demonstrations"]:
            self.stdout.write(f"{load_starter_demonstrations()} starter demonstrations taken in.")
        if options["start"] is None:
            self._wait_for_the_first_model()
        try:
            run = request_policy_run(
                stage=PolicyStage(options["stage"]),
                note="manage.py train_policy",
                start=_named(options["start"], ModelKind.SFT),
                rewarded_by=self._rewarded_by(options),
                ensemble=_all_named(options["together_with"]),
                watched_by=self._watched_by(options),
                include_simulated=options["include_simulated"],
            )
        except Refusal as refused:
            raise CommandError(str(refused)) from refused
        if options["now"]:
            self._do_here(run, options)
        elif QUEUED_POLICY_RUNS.send():
            self.stdout.write(f"{run} is queued; follow it in the admin.")
        else:
            self.stdout.write(f"{run} waits in the database: Redis can't be reached, beat will send it later.")

    def _wait_for_the_first_model(self) -> None:
        """On a machine that has just started, a worker is still trying the model that is to become current."""
        waiting = ModelCheck.objects.filter(
            state=CheckState.WAITING, model_version__kind=ModelKind.SFT, promotion_reason__regex=r"\S"
        )
        if current_sft_model() is not None or not waiting.exists():
            return
        self.stdout.write("A sampling worker tries the first language model …")
        until = time.monotonic() + WAIT_SECONDS
        while waiting.exists() and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        until = min(until, time.monotonic() + PROMOTION_SECONDS)
        while current_sft_model() is None and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)

    def _rewarded_by(self, options: dict[str, Any]) -> ModelVersion | None:
        return _named(options["rewarded_by"], ModelKind.REWARD) or self._candidate(default_reward_model(), options)

    def _watched_by(self, options: dict[str, Any]) -> ModelVersion | None:
        named, watcher = _named(options["watched_by"], ModelKind.REWARD), watcher_of(default_reward_model())
        return named if named or watcher is None else self._candidate(watcher, options)

    def _candidate(self, reward_model: RewardModel, options: dict[str, Any]) -> ModelVersion | None:
        """In a demo, where no version is current yet, the latest one that learned from simulated labelers."""
        demo = options["stage"] == PolicyStage.PPO and options["include_simulated"]
        if not demo or current_reward_model(reward_model):
            return None
        found = reward_model.versions.filter(simulated=True).exclude(state=ModelState.RETIRED).order_by("-pk").first()
        if found is not None:
            self.stdout.write(f"No version of “{reward_model}” is current; the latest candidate is taken: “{found}”.")
        return found

    def _do_here(self, run: PolicyRun, options: dict[str, Any]) -> None:
        claimed = claim_run(run=run, worker=f"{socket.gethostname()} (command line)")
        if claimed is None:
            raise CommandError(f"{run} was taken by a worker in the same moment; follow it in the admin.")
        self.stdout.write(f"{run} started; its page in the admin draws its curves …")
        train_policy(claimed)
        claimed.refresh_from_db()
        if claimed.state == RunState.QUEUED:
            raise CommandError(f"{run} was interrupted: {claimed.interruption} A worker goes on with it.")
        version = claimed.model_version
        if version is None:
            raise CommandError(f"{run} failed: {claimed.failure}")
        self.stdout.write(self.style.SUCCESS(f"{run}: {version}. {claimed.decision}"))
        if options["promote"]:
            self._promote(version, simulated=options["include_simulated"])
        if options["taste"]:
            if claimed.start is None:
                raise CommandError("It began from a model that is no version on record, so there is none to compare.")
            asked = {"taste": options["taste"], "max_new_tokens": claimed.config["max_new_tokens"]}
            call_command("compare_policies", version.name, claimed.start.name, **asked, stdout=self.stdout)

    def _promote(self, version: ModelVersion, *, simulated: bool) -> None:
        try:
            promote_when_checked(version=version, reason="manage.py train_policy --promote", simulated=simulated)
        except Refusal as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write("A sampling worker tries it …")
        until = time.monotonic() + WAIT_SECONDS
        while (check := version.last_check) and check.state == CheckState.WAITING and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        until = min(until, time.monotonic() + PROMOTION_SECONDS)
        while version.state != ModelState.CURRENT and check and not check.failure and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            version.refresh_from_db()
        if version.state != ModelState.CURRENT:
            why = check.failure if check and check.failure else "no sampling worker has tried it yet; it waits for one."
            raise CommandError(f"“{version}” is not current: {why}")
        self.stdout.write(self.style.SUCCESS(f"“{version}” is current: completions are sampled from it from now on."))


def _named(name: str | None, kind: ModelKind) -> ModelVersion | None:
    if name is None:
        return None
    found = ModelVersion.objects.filter(kind=kind, name=name).first()
    if found is None:
        known = ", ".join(ModelVersion.objects.filter(kind=kind).values_list("name", flat=True))
        raise CommandError(f"There is no {kind.label} model “{name}”; there are: {known or 'none yet'}.")
    return found


def _all_named(names: Sequence[str] | None) -> list[ModelVersion] | None:
    found = [_named(name, ModelKind.REWARD) for name in names or ()]
    return [one for one in found if one is not None] or None
