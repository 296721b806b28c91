"""What simulated labelers are planted with, so that one can see whether it is found. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

MOST_NOISE = 0.5


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a labeler works. The standard deviation of the completions' worth, within a page, is the unit of worth.

    noise: probability that two neighbours in the order of worth are seen the wrong way round; 0 to MOST_NOISE, a coin.
    position: how much more worth the completion shown first seems than the one shown last; negative: less.
    length: how much more worth a completion seems that is longer by a standard deviation of the logarithm of length.
    ties_within: neighbours that seem nearer than that are tied.
    leniency: points added to every quality (1 to 7, where they end).
    fatigue: the share of attention lost over 100 rankings; the rest of it is noise.
    spam: probability that a page is answered unread, in any order.
    copying: probability that the first ranking that somebody handed in for the task is handed in again, and that a
        demonstration is nearly a text which a model wrote.
    sees_truth: judges by what completions are worth where everybody else is misled.
    pace: how much longer than others the labeler needs.
    """

    noise: float = 0.0
    position: float = 0.0
    length: float = 0.0
    ties_within: float = 0.0
    leniency: float = 0.0
    fatigue: float = 0.0
    spam: float = 0.0
    copying: float = 0.0
    sees_truth: bool = False
    pace: float = 1.0

    def noise_after(self, rankings: int) -> float:
        """The noise after so many rankings of the labeler."""
        left: float = (1 - self.fatigue) ** (rankings / 100)
        return MOST_NOISE - (MOST_NOISE - self.noise) * left


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of labeler that can be planted. `low` to `high`: the strengths that make sense."""

    meaning: str
    strength: float
    low: float
    high: float
    behave: Callable[[Behaviour, float], Behaviour]


KINDS: dict[str, Kind] = {
    "careless": Kind(
        meaning="sees neighbours of the order the wrong way round with this probability (its own --noise)",
        strength=0.4, low=0.0, high=MOST_NOISE,
        behave=lambda usual, strength: replace(usual, noise=strength),
    ),
    "position": Kind(
        meaning="what is shown first seems so many standard deviations better than what is shown last",
        strength=1.5, low=-10.0, high=10.0,
        behave=lambda usual, strength: replace(usual, position=strength),
    ),
    "length": Kind(
        meaning="a standard deviation of length is worth so many of the rule's",
        strength=1.5, low=-10.0, high=10.0,
        behave=lambda usual, strength: replace(usual, length=strength),
    ),
    "lenient": Kind(
        meaning="adds so many points to every quality of 1 to 7; negative: takes them away",
        strength=2.0, low=-6.0, high=6.0,
        behave=lambda usual, strength: replace(usual, leniency=strength),
    ),
    "tired": Kind(
        meaning="loses this share of attention over 100 rankings",
        strength=0.8, low=0.0, high=1.0,
        behave=lambda usual, strength: replace(usual, fatigue=strength),
    ),
    "spammer": Kind(
        meaning="answers this share of pages unread, in any order and at once",
        strength=1.0, low=0.0, high=1.0,
        behave=lambda usual, strength: replace(usual, spam=strength),
    ),
    "copier": Kind(
        meaning="hands in again, at this share of pages, what somebody handed in before; writes what a model wrote",
        strength=0.9, low=0.0, high=1.0,
        behave=lambda usual, strength: replace(usual, copying=strength),
    ),
    "right": Kind(
        meaning="follows the rule, while all others are misled alike by so many standard deviations",
        strength=1.0, low=0.0, high=10.0,
        behave=lambda usual, _strength: replace(usual, sees_truth=True),
    ),
}  # fmt: skip


class UnknownKind(ValueError):
    """No labeler of that kind can be planted, or not with that strength; the message says what can be."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A kind of labeler with its strength."""

    kind: str
    strength: float

    def behaviour(self, usual: Behaviour) -> Behaviour:
        """The usual labeler's, but for what is planted."""
        return KINDS[self.kind].behave(usual, self.strength)


def planted_from(text: str) -> Planted:
    """Reads KIND or KIND=STRENGTH. Raises UnknownKind.

    >>> planted_from("position=0.5")
    Planted(kind='position', strength=0.5)
    """
    name, has_strength, given = text.partition("=")
    if name not in KINDS:
        known = "; ".join(f"{key}: {kind.meaning}" for key, kind in KINDS.items())
        raise UnknownKind(f"Nobody of the kind “{name}” can be planted. Known kinds are {known}.")
    kind = KINDS[name]
    if not has_strength:
        return Planted(kind=name, strength=kind.strength)
    try:
        strength = float(given)
    except ValueError:
        strength = float("nan")
    if not kind.low <= strength <= kind.high:
        raise UnknownKind(f"“{text}”: the strength of {name} is a number from {kind.low:g} to {kind.high:g}.")
    return Planted(kind=name, strength=strength)


def misled_by(planted: Sequence[Planted]) -> float:
    """How far all are misled alike, because somebody is to be right against them; 0 where nobody is."""
    return max((each.strength for each in planted if each.kind == "right"), default=0.0)
