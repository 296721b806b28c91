import random
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import CampaignRefused
from labeling.simulation.rules import RULES, UnknownRule, rule_named
from labeling.simulation.services import open_simulated_campaign, rank_next, simulated_labelers

POLL_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Ranks like people do, through the same services, by a known rule with noise, in a copy of a campaign that is "
        "theirs alone. Simulated rankings are marked, and stay out of exports and retraining unless those are given "
        "--include-simulated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rankings", type=int, required=True, help="How many rankings to hand in.")
        parser.add_argument(
            "--campaign", metavar="SLUG", help="Whose prompts they rank; the first open one if left out."
        )
        parser.add_argument(
            "--rule", default="shorter", help=f"The rule that they follow: {', '.join(RULES)} or contains:WORD."
        )
        parser.add_argument(
            "--noise",
            type=float,
            default=0.1,
            help="Probability that two neighbours of the order are swapped (0 to 0.5).",
        )
        parser.add_argument("--labelers", type=int, default=3, help="How many simulated labelers share the work.")
        parser.add_argument("--seed", type=int, default=0, help="Decides the noise.")
        parser.add_argument(
            "--patience", type=float, default=900.0, help="Seconds to wait for the workers to sample the next task."
        )

    def handle(self, **options: Any) -> None:
        if options["rankings"] < 1 or options["labelers"] < 1:
            raise CommandError("--rankings and --labelers must be at least 1.")
        if not 0 <= options["noise"] <= 0.5:
            raise CommandError(f"--noise is {options['noise']}; it must be from 0 (never) to 0.5 (a coin).")
        try:
            score = rule_named(options["rule"])
        except UnknownRule as unknown:
            raise CommandError(str(unknown)) from unknown
        try:
            campaign = open_simulated_campaign(slug=options["campaign"])
        except CampaignRefused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"They rank in “{campaign}” ({campaign.slug}), which nobody else is offered work of.")
        labelers = simulated_labelers(count=options["labelers"])
        chance = random.Random(options["seed"])
        done, waited_since, said_waiting = 0, time.monotonic(), False
        while done < options["rankings"]:
            if any(rank_next(labeler=who, score=score, noise=options["noise"], chance=chance) for who in labelers):
                done, waited_since, said_waiting = done + 1, time.monotonic(), False
                self.stdout.write(f"{done} of {options['rankings']} rankings handed in")
                labelers = labelers[1:] + labelers[:1]
                continue
            if time.monotonic() - waited_since > options["patience"]:
                raise CommandError(
                    f"{done} rankings handed in, then nothing became ready for {options['patience']:.0f} s. "
                    "Are the sampling worker and beat up, and does an active campaign have prompts left?"
                )
            if not said_waiting:
                self.stdout.write("Nothing is ready; waiting for the workers to sample more …")
                said_waiting = True
            time.sleep(POLL_SECONDS)
        self.stdout.write(
            self.style.SUCCESS(
                f"{done} simulated rankings by the rule “{options['rule']}”. To learn from them:\n"
                "  python manage.py retrain_reward_model --now --include-simulated --promote-simulated"
            )
        )
