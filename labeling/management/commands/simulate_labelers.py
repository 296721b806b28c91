import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from labeling.base.states import CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.queries import current_sft_model
from labeling.quality.bias.models import LabelerHabits
from labeling.quality.bias.rules.outliers import FEWEST_TASKS
from labeling.quality.bias.services.looking import look_at_habits
from labeling.ranking_tasks.services.sampling import send_unsampled
from labeling.ranking_tasks.services.tasks import top_up
from labeling.simulation.rules.behaviours import (
    KINDS,
    MOST_NOISE,
    Behaviour,
    Planted,
    UnknownKind,
    misled_by,
    planted_from,
)
from labeling.simulation.rules.preferences import RULES, UnknownRule, rule_named
from labeling.simulation.services import SimulatedLabeler, cast_of, demonstrate_next, rank_next, simulation_of

POLL_SECONDS = 2.0
SHARED_BY = 3
"""Labelers who rank each task where some are planted: what one does is seen beside what others do."""


class Command(BaseCommand):
    help = (
        "Ranks like people do, through the same services, by a known rule with noise, in a campaign of its own with "
        "the prompts of the one named: no work of people is used up. Labelers with a bias, spammers and copiers can be "
        "planted among them. Simulated work is marked, and stays out of exports and retraining unless those are given "
        "--include-simulated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rankings", type=int, required=True, help="How many rankings to hand in.")
        parser.add_argument(
            "--demonstrations", type=int, default=0, help="How many demonstrations to write after them. Default: none."
        )
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
            help="Probability that two neighbours of the rule's order are seen the wrong way round (0 to 0.5).",
        )
        parser.add_argument("--labelers", type=int, default=3, help="How many labelers of that kind share the work.")
        parser.add_argument(
            "--plant",
            action="append",
            default=[],
            metavar="KIND[=STRENGTH]",
            help="One labeler more, who is otherwise; may be given several times. "
            + "; ".join(f"{name} ({kind.strength:g}): {kind.meaning}" for name, kind in KINDS.items())
            + ".",
        )
        parser.add_argument(
            "--rankings-per-task",
            type=int,
            help=f"How many of them rank each task. Default: 1; {SHARED_BY} where somebody is planted.",
        )
        parser.add_argument(
            "--then-retrain", action="store_true", help="Train a reward model from them at once, here, and wait for it."
        )
        parser.add_argument("--seed", type=int, default=0, help="Decides what is drawn.")
        parser.add_argument(
            "--patience", type=float, default=900.0, help="Seconds to wait for the workers to sample the next task."
        )

    def handle(self, **options: Any) -> None:
        planted, per_task = self._checked(options)
        try:
            score = rule_named(options["rule"])
        except UnknownRule as unknown:
            raise CommandError(str(unknown)) from unknown
        simulation = simulation_of(
            self._campaign(options["campaign"]),
            rankings=options["rankings"],
            rankings_per_task=per_task,
            demonstrations=options["demonstrations"],
            planted=bool(planted),
        )
        self.stdout.write(f"Working in the campaign “{simulation}” ({simulation.slug}).")
        top_up(campaign=simulation)
        if current_sft_model() is not None:
            send_unsampled()
        cast = cast_of(
            count=options["labelers"], usual=Behaviour(noise=options["noise"]), planted=planted, seed=options["seed"]
        )
        misled = misled_by(planted)

        def rank(who: SimulatedLabeler) -> bool:
            return rank_next(who=who, score=score, misled=misled)

        def write(who: SimulatedLabeler) -> bool:
            return demonstrate_next(who=who)

        cast = self._work(rank, cast, number=options["rankings"], what="rankings", patience=options["patience"])
        self._work(write, cast, number=options["demonstrations"], what="demonstrations", patience=options["patience"])
        self.stdout.write(self.style.SUCCESS(_done(options, planted)))
        if planted:
            self._say_who_is_marked(cast)
        if options["then_retrain"]:
            retrain = {"now": True, "include_simulated": True, "promote_simulated": True}
            call_command("retrain_reward_model", **retrain, stdout=self.stdout)

    def _work(
        self,
        work: Callable[[SimulatedLabeler], bool],
        cast: list[SimulatedLabeler],
        *,
        number: int,
        what: str,
        patience: float,
    ) -> list[SimulatedLabeler]:
        """Whose turn it is next, when so many are handed in. Raises CommandError: nothing became ready in time."""
        done, waited_since, said_waiting = 0, time.monotonic(), False
        while done < number:
            if any(work(who) for who in cast):
                done, waited_since = done + 1, time.monotonic()
                self.stdout.write(f"{done} of {number} {what} handed in")
                cast = cast[1:] + cast[:1]
                continue
            if time.monotonic() - waited_since > patience:
                raise CommandError(
                    f"{done} {what} handed in, then nothing became ready for {patience:.0f} s. "
                    "Are the sampling worker and beat up, and does an active campaign have prompts left?"
                )
            if not said_waiting:
                self.stdout.write("Nothing is ready; waiting for the workers to sample more …")
                said_waiting = True
            time.sleep(POLL_SECONDS)
        return cast

    def _say_who_is_marked(self, cast: list[SimulatedLabeler]) -> None:
        """Looks at everybody's habits now, as beat does once a day."""
        look_at_habits()
        usernames = {who.labeler.pk: who.labeler.user.username for who in cast}
        for habits in LabelerHabits.objects.filter(labeler__in=usernames).order_by("labeler"):
            marks = ", ".join(habits.outlier) or "nothing"
            few = f" ({habits.rankings} rankings are too few to tell)" if habits.rankings < FEWEST_TASKS else ""
            self.stdout.write(f"  {usernames[habits.labeler_id]}: marked for {marks}{few}")

    def _checked(self, options: dict[str, Any]) -> tuple[list[Planted], int]:
        """Who is planted, and how many rank each task. Raises CommandError."""
        if options["rankings"] < 1 or options["labelers"] < 1:
            raise CommandError("--rankings and --labelers must be at least 1.")
        if options["demonstrations"] < 0:
            raise CommandError(f"--demonstrations is {options['demonstrations']}; it must be 0 or more.")
        if not 0 <= options["noise"] <= MOST_NOISE:
            raise CommandError(f"--noise is {options['noise']}; it must be from 0 (never) to {MOST_NOISE} (a coin).")
        try:
            planted = [planted_from(text) for text in options["plant"]]
        except UnknownKind as unknown:
            raise CommandError(f"--plant: {unknown}") from unknown
        everybody = options["labelers"] + len(planted)
        usual = min(SHARED_BY, everybody) if planted else 1
        per_task = usual if options["rankings_per_task"] is None else options["rankings_per_task"]
        if not 1 <= per_task <= everybody:
            raise CommandError(
                f"--rankings-per-task is {per_task}; with {everybody} labelers it must be from 1 to {everybody}."
            )
        return planted, per_task

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


def _done(options: dict[str, Any], planted: list[Planted]) -> str:
    """What was done, and what to do next: look for those who are planted, or learn from the rule."""
    done = f"{options['rankings']} simulated rankings by the rule “{options['rule']}”."
    if planted:
        who = ", ".join(f"{each.kind} ({each.strength:g})" for each in planted)
        return f"{done} Planted: {who}. What is seen of them stands under Labelers' habits in the admin, and here:"
    return (
        f"{done} To learn from them:\n"
        "  python manage.py retrain_reward_model --now --include-simulated --promote-simulated"
    )
