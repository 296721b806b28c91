import random
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.states import CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.queries import current_sft_model
from labeling.ranking_tasks.services.sampling import send_unsampled
from labeling.ranking_tasks.services.tasks import top_up
from labeling.simulation.rules import RULES, UnknownRule, rule_named
from labeling.simulation.services import rank_next, simulated_labelers, simulation_of

POLL_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Ranks like people do, through the same services, by a known rule with noise, in a campaign of its own with "
        "the prompts of the one named: no work of people is used up. Simulated rankings are marked, and stay out of "
        "exports and retraining unless those are given --include-simulated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rankings", type=int, required=True, help="How many rankings to hand in.")
        parser.add_argument(
            "--campaign", metavar="SLUG", help="Whose prompts and settings are taken. Default: the only open campaign."
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
        simulation = simulation_of(self._campaign(options["campaign"]), rankings=options["rankings"])
        self.stdout.write(f"Ranking in the campaign “{simulation}” ({simulation.slug}).")
        top_up(campaign=simulation)
        if current_sft_model() is not None:
            send_unsampled()
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

    def _campaign(self, slug: str | None) -> Campaign:
        """The one named, or the only open one. Raises CommandError."""
        people = Campaign.objects.filter(simulated=False)
        known = people.filter(state=CampaignState.ACTIVE) if slug is None else people
        found = list((known if slug is None else known.filter(slug=slug))[:2])
        if len(found) != 1:
            slugs = ", ".join(known.order_by("slug").values_list("slug", flat=True)) or "none yet"
            said = f"There is no campaign “{slug}”" if slug else "Say by --campaign whose prompts are to be ranked"
            raise CommandError(f"{said}; the campaigns are: {slugs}.")
        if not found[0].prompts.filter(set_aside_reason="").exists():
            raise CommandError(f"“{found[0]}” has no prompts. Import some first.")
        return found[0]
