"""Preferences that simulated labelers follow, so that one can see whether a reward model recovers them. Pure."""

import random
from collections.abc import Callable, Sequence
from statistics import pstdev

Score = Callable[[str], float]


def _repetition(text: str) -> float:
    """The share of character trigrams that occurred before: 0 for none, near 1 for a loop."""
    trigrams = [text[start : start + 3] for start in range(len(text) - 2)]
    return 1 - len(set(trigrams)) / len(trigrams) if trigrams else 1.0


RULES: dict[str, tuple[str, Score]] = {
    "shorter": ("fewer characters are better", lambda text: -float(len(text))),
    "longer": ("more characters are better", lambda text: float(len(text))),
    "fewer-repeats": ("less repetition is better", lambda text: -_repetition(text)),
    "fewer-digits": ("fewer digits are better", lambda text: -float(sum(letter.isdigit() for letter in text))),
}


class UnknownRule(ValueError):
    """There is no rule of that name; the message lists those that there are."""


def rule_named(name: str) -> Score:
    """The score that the rule gives a text: higher is better. `contains:WORD` prefers texts with WORD.

    Raises UnknownRule.
    """
    if name.startswith("contains:") and len(name) > len("contains:"):
        wanted = name.removeprefix("contains:").casefold()
        return lambda text: float(text.casefold().count(wanted))
    if name not in RULES:
        known = "; ".join(f"{key}: {meaning}" for key, (meaning, _) in RULES.items())
        raise UnknownRule(
            f"There is no rule “{name}”. Known rules are {known}; contains:WORD: texts with WORD are better."
        )
    return RULES[name][1]


def mislead(worths: Sequence[float], texts: Sequence[str], *, by: float) -> list[float]:
    """What each text seems to be worth to people who are misled alike, `by` so many standard deviations of its worth.

    A text misleads everybody in the same way, today and tomorrow.
    """
    spread = pstdev(worths) or 1.0
    return [worth + by * spread * random.Random(text).gauss(0, 1) for worth, text in zip(worths, texts, strict=True)]
