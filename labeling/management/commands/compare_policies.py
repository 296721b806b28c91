from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import Refusal
from labeling.base.states import ModelKind
from labeling.models import ModelVersion
from labeling.policies.queries import held_out_prompts
from labeling.policies.rules.tastes import compare
from labeling.policies.services.tastes import answers_of, in_words
from labeling.simulation.rules.preferences import RULES, UnknownRule, rule_named
from labeling.worker_models import loaded_sampler
from lm.errors import Refused
from sampler.protocol import CannotSample


class Command(BaseCommand):
    help = (
        "Samples from two language models on prompts that nothing is trained on, and says how often a rule that "
        "simulated labelers follow prefers the first one's answers, with a 95%% interval over prompts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("first", help="The name of a model version.")
        parser.add_argument("second", help="The name of the one that it is compared with.")
        parser.add_argument("--taste", required=True, help=f"The rule: {', '.join(RULES)} or contains:WORD.")
        parser.add_argument("--prompts", type=int, default=100, help="Held-out prompts at most.")
        parser.add_argument("--answers", type=int, default=4, help="Answers of each to every prompt.")
        parser.add_argument("--max-new-tokens", type=int, default=64, help="Tokens of an answer at most.")

    def handle(self, **options: Any) -> None:
        for name in ("prompts", "answers", "max_new_tokens"):
            if options[name] < 1:
                raise CommandError(f"--{name.replace('_', '-')} is {options[name]}; it must be at least 1.")
        try:
            taste = rule_named(options["taste"])
            prompts = held_out_prompts(most=options["prompts"])
            first, second = (
                answers_of(
                    loaded_sampler(self._version(options[which])),
                    prompts,
                    answers=options["answers"],
                    max_new_tokens=options["max_new_tokens"],
                )
                for which in ("first", "second")
            )
        except (UnknownRule, Refusal, Refused, CannotSample) as refused:
            raise CommandError(str(refused)) from refused
        compared = compare(first, second, taste)
        names = {"first": options["first"], "second": options["second"], "taste": options["taste"]}
        self.stdout.write(self.style.SUCCESS(in_words(compared, **names)))

    def _version(self, name: str) -> ModelVersion:
        found = ModelVersion.objects.filter(kind=ModelKind.SFT, name=name).first()
        if found is None:
            known = ", ".join(ModelVersion.objects.filter(kind=ModelKind.SFT).values_list("name", flat=True))
            raise CommandError(f"There is no language model “{name}”; there are: {known or 'none yet'}.")
        return found
