"""Texts that simulated labelers write. Pure."""

import random
import re
from collections.abc import Sequence

OPENINGS = (
    "Here is what I would say",
    "In short",
    "The way I see it",
    "Put plainly",
    "To begin with",
    "As far as I know",
)
VERBS = ("depends on", "comes before", "explains", "leaves out", "is easier than", "goes together with", "belongs to")
NOUNS = ("the weather", "a good example", "the price", "one's own habits", "the first step", "a second opinion",
         "the details", "what others do", "the time it takes", "a longer list", "the usual case")  # fmt: skip
SENTENCES = 5
WORDS_BETWEEN_CHANGES = 25
"""A near copy differs in one word of so many: about one character in twenty-five."""


def own_answer(prompt: str, *, chance: random.Random) -> str:
    """An answer of one's own: grammatical, about the prompt's words, and like no other."""
    words = re.findall(r"\w{4,}", prompt) or ["this"]
    sentences = [
        f"{chance.choice(OPENINGS)}, {chance.choice(words).lower()} {chance.choice(VERBS)} {chance.choice(NOUNS)}"
        f" and {chance.choice(VERBS)} {chance.choice(NOUNS)}."
        for _ in range(SENTENCES)
    ]
    return " ".join(sentences)


def near_copy(text: str, *, chance: random.Random) -> str:
    """The text with a word changed here and there."""
    words = text.split(" ")
    for start in range(0, len(words), WORDS_BETWEEN_CHANGES):
        place = chance.randrange(start, min(start + WORDS_BETWEEN_CHANGES, len(words)))
        words[place] = words[place].swapcase()
    return " ".join(words)


def answer_of(prompt: str, known: Sequence[str], *, copying: float, chance: random.Random) -> str:
    """An answer of one's own, or with the probability `copying` nearly one that a model wrote, if there is any."""
    if known and chance.random() < copying:
        return near_copy(chance.choice(known), chance=chance)
    return own_answer(prompt, chance=chance)
