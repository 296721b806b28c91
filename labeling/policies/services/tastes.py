"""Two policies on the same held-out prompts, judged by a rule that simulated labelers follow."""

from collections.abc import Sequence

from labeling.base.refusals import PolicyRefused
from labeling.campaigns.models.prompts import Prompt
from labeling.policies.rules.tastes import Answers, Compared
from sampler.protocol import Sampler, SampleRequest

LOOKING = 2**41
"""Seeds of these answers begin here, so that no training has drawn them."""


def answers_of(sampler: Sampler, prompts: Sequence[Prompt], *, answers: int, max_new_tokens: int) -> Answers:
    """The same seeds for whoever answers. Raises PolicyRefused: there is no prompt."""
    if not prompts:
        raise PolicyRefused("There are no held-out prompts: every prompt is of the split train. Add more submitters.")
    requests = [
        SampleRequest(
            messages=prompt.messages,
            num_completions=answers,
            seed=LOOKING + number * answers,
            max_new_tokens=max_new_tokens,
        )
        for number, prompt in enumerate(prompts)
    ]
    return [[one.text for one in found] for found in sampler.sample(requests)]


def in_words(compared: Compared, *, first: str, second: str, taste: str) -> str:
    """One paragraph for whoever asked."""
    interval = compared.interval
    between = f"95% interval {interval[0]:.0%} to {interval[1]:.0%}" if interval else "too few prompts for an interval"
    return (
        f"On {compared.prompts} held-out prompts with {compared.pairs} pairs of answers, the taste “{taste}” prefers "
        f"“{first}” to “{second}” in {compared.win_rate:.0%} of them ({between}; {compared.won} won, {compared.tied} "
        f"tied as a half each). Its mean score: {compared.first:.1f} against {compared.second:.1f}."
    )
