"""`manage.py best_of_n`: the best of n completions of every prompt, by a reward model, one JSON object a line."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.states import ModelKind
from labeling.model_versions.queries import current_reward_model
from labeling.models import ModelVersion, Prompt
from labeling.rewards.queries import Best, best_of_each, best_of_n, texts_of

AT_ONCE = 500


class Command(BaseCommand):
    help = "Picks, for each prompt, the completion with the highest reward among the first n that were scored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--n", type=int, help="prompts with fewer scored completions are left out; default: all")
        parser.add_argument("--prompt", type=int, help="the number of one prompt; default: every prompt")
        parser.add_argument("--campaign", help="the slug of one campaign")
        parser.add_argument("--model", help="the name of a reward model's version; default: the current one")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["n"] is not None and options["n"] < 1:
            raise CommandError(f"--n is {options['n']}; it must be at least 1.")
        model = _model(options["model"])
        count = 0
        found = _found(options, model)
        while some := list(islice(found, AT_ONCE)):
            texts = texts_of(some)
            for best in some:
                messages, text = texts[best.completion_id]
                line = {"prompt_id": best.prompt_id, "prompt": messages, "completion_id": best.completion_id}
                line |= {"completion": text, "reward": best.reward, "of": best.of, "model": model.name}
                self.stdout.write(json.dumps(line, ensure_ascii=False))
                count += 1
        sys.stderr.write(f"{count} prompts, by {model.name}.\n")


def _model(name: str | None) -> ModelVersion:
    if name is None:
        current = current_reward_model()
        if current is None:
            raise CommandError("No reward model is current. Promote one, or name one with --model.")
        return current
    try:
        return ModelVersion.objects.get(kind=ModelKind.REWARD, name=name)
    except ModelVersion.DoesNotExist:
        raise CommandError(f"There is no reward model named “{name}”.") from None


def _found(options: dict[str, Any], model: ModelVersion) -> Iterator[Best]:
    if options["prompt"] is None:
        yield from best_of_each(model=model, n=options["n"], campaign=options["campaign"])
        return
    try:
        prompt = Prompt.objects.get(pk=options["prompt"])
    except Prompt.DoesNotExist:
        raise CommandError(f"There is no prompt {options['prompt']}.") from None
    best = best_of_n(prompt=prompt, model=model, n=options["n"])
    if best is not None and (options["n"] is None or best.of == options["n"]):
        yield best
