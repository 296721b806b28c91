"""Where the K completions of a task come from: several policies, and some picked by a reward model. Pure.

Several policies under one prompt are what Llama 2 compared (Touvron et al. 2023, section 3.2.1); picked slots show the
reward model the upper tail of its own scale, which new data would miss otherwise (Bai et al. 2022, section 4.5). Those
that are not picked stay an unbiased sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypedDict

MOST_PARTS = 8
BEST_OF_RANGE = (2, 64)


class MixturePart(TypedDict):
    """One line of a campaign's mixture. `model`: a model version's id; None: whichever is current. `share`: against
    the sum of all. `temperature`, `top_p`: None: the campaign's.
    """

    share: int
    model: int | None
    temperature: float | None
    top_p: float | None


WHOLE = MixturePart(share=1, model=None, temperature=None, top_p=None)
"""A campaign that says nothing else: all from the current model."""


@dataclass(frozen=True, kw_only=True)
class Slots:
    """So many completions of a task from one part; each is the best of `best_of` samples, 1: a plain sample."""

    part: MixturePart
    best_of: int
    count: int


def slots_of(*, parts: Sequence[MixturePart], k: int, best_of_percent: int, best_of: int, draw: float) -> list[Slots]:
    """How many of K completions come from which part, and how many of these are picked.

    `draw` is a number from 0 up to 1. Each part gets its share of K, rounded up or down so that over many draws it gets
    exactly that (systematic sampling: K points at equal distances, moved by the draw, over the shares laid end to end).

    >>> half = MixturePart(share=1, model=7, temperature=None, top_p=None)
    >>> found = slots_of(parts=[WHOLE, half], k=4, best_of_percent=0, best_of=8, draw=0.5)
    >>> [(slots.part["model"], slots.count) for slots in found]
    [(None, 2), (7, 2)]
    """
    kinds: list[tuple[MixturePart, int, float]] = []
    total = sum(part["share"] for part in parts)
    for part in parts:
        share = part["share"] / total
        kinds.append((part, 1, share * (100 - best_of_percent) / 100))
        kinds.append((part, best_of, share * best_of_percent / 100))
    kinds = [kind for kind in kinds if kind[2] > 0]
    ends = list(accumulate(weight for _part, _best_of, weight in kinds))
    counts = [0] * len(kinds)
    for number in range(k):
        point = (number + draw) / k * ends[-1]
        counts[next(place for place, end in enumerate(ends) if point < end or place == len(ends) - 1)] += 1
    return [
        Slots(part=part, best_of=of, count=count)
        for (part, of, _weight), count in zip(kinds, counts, strict=True)
        if count
    ]


class BadMixture(ValueError):
    """A line says no part of a mixture; the message is a sentence for whoever wrote it."""


def parts_of(lines: str, *, versions: dict[str, int]) -> list[MixturePart]:
    """Reads a mixture as people write it: one part a line, `share model T=… top-p=…`.

    `versions`: the ids of SFT versions by name. Raises BadMixture.

    >>> parts_of("3 current\\n1 policy-2 T=0.7", versions={"policy-2": 5})[1]
    {'share': 1, 'model': 5, 'temperature': 0.7, 'top_p': None}
    """
    parts = [_part(line.strip(), versions) for line in lines.splitlines() if line.strip()]
    if len(parts) > MOST_PARTS:
        raise BadMixture(f"{len(parts)} lines; a mixture has at most {MOST_PARTS}.")
    return parts


CURRENT = "current"
_NAMES = {"T": ("temperature", 0.0, 2.0), "top-p": ("top_p", 0.01, 1.0)}


def _part(line: str, versions: dict[str, int]) -> MixturePart:
    share, _space, rest = line.partition(" ")
    if not share.isdecimal() or not 1 <= int(share) <= 1000:
        raise BadMixture(f"“{line}” does not begin with a share, a whole number from 1 to 1000.")
    part = MixturePart(share=int(share), model=None, temperature=None, top_p=None)
    words = rest.split()
    while words and words[-1].partition("=")[0] in _NAMES and "=" in words[-1]:
        name, _equals, text = words.pop().partition("=")
        field, lowest, highest = _NAMES[name]
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not lowest <= value <= highest:
            raise BadMixture(f"“{line}”: {name} is a number from {lowest:g} to {highest:g}.")
        part[field] = value  # type: ignore[literal-required]
    model = " ".join(words)
    if model != CURRENT:
        if model not in versions:
            raise BadMixture(f"“{line}”: there is no SFT model version “{model}”; “{CURRENT}” is whichever is current.")
        part["model"] = versions[model]
    return part


def lines_of(parts: Sequence[MixturePart], *, names: dict[int, str]) -> str:
    """The same as people write it. `names`: of versions by id."""
    return "\n".join(
        f"{part['share']} {CURRENT if part['model'] is None else names.get(part['model'], part['model'])}"
        + (f" T={part['temperature']:g}" if part["temperature"] is not None else "")
        + (f" top-p={part['top_p']:g}" if part["top_p"] is not None else "")
        for part in parts
    )
