"""Preferences that simulated labelers follow, so that one can see whether a reward model recovers them. Pure."""

import random
from collections.abc import Callable, Sequence

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


def simulated_ranks(texts: Sequence[str], *, score: Score, noise: float, chance: random.Random) -> list[int]:
    """A rank for each text, 1 for the best; equal scores tie.

    `noise` is the probability that two neighbours of the rule's order are seen the wrong way round, from 0 to 0.5.
    """
    scores = [score(text) for text in texts]
    tiers = sorted(set(scores), reverse=True)
    position = 0
    while position < len(tiers) - 1:
        if chance.random() < noise:
            tiers[position], tiers[position + 1] = tiers[position + 1], tiers[position]
            position += 1  # a tier that was moved once stays there
        position += 1
    return [tiers.index(value) + 1 for value in scores]


def quality_of(rank: int, *, worst: int) -> int:
    """The 1–7 quality that goes with a rank: 7 for rank 1, falling evenly towards 1 for the worst rank."""
    return 7 if worst == 1 else 7 - round(6 * (rank - 1) / (worst - 1))
