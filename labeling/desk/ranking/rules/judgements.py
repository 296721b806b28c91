"""What a ranking may hold: each completion once, ratings from 1 to 7, strengths. Pure: no Django, no torch."""

from collections.abc import Sequence

QUALITY_LOWEST, QUALITY_HIGHEST = 1, 7
"""InstructGPT Table 3: overall quality on a Likert scale of 1 (worst) to 7 (best)."""

STRENGTHS = (4, 3, 2, 1)
"""Llama 2 §3.2.1: significantly better, better, slightly better, negligibly better or unsure."""


class InvalidRanking(ValueError):
    """The ranking can't be kept as it is; the message says what is wrong and what to do."""


def check_covers(*, expected: Sequence[int], given: Sequence[int]) -> None:
    """Raises InvalidRanking unless `given` names every one of `expected` exactly once, and nothing else."""
    repeated = len(given) - len(set(given))
    missing = len(set(expected) - set(given))
    foreign = len(set(given) - set(expected))
    if repeated:
        raise InvalidRanking(f"{repeated} completion(s) are ranked twice. Give each completion exactly one rank.")
    if foreign:
        raise InvalidRanking(
            f"{foreign} ranked completion(s) do not belong to this task. Reload the page and rank again."
        )
    if missing:
        raise InvalidRanking(f"{missing} completion(s) have no rank yet. Give every completion a rank; ties are fine.")


def check_quality(quality: int | None) -> None:
    """Raises InvalidRanking unless quality is None or on the scale of 1 to 7."""
    if quality is not None and not QUALITY_LOWEST <= quality <= QUALITY_HIGHEST:
        raise InvalidRanking(f"Quality {quality} is outside the scale of {QUALITY_LOWEST} to {QUALITY_HIGHEST}.")


def check_strengths(strengths: Sequence[int] | None, *, ranks: int) -> None:
    """Raises InvalidRanking unless there is one of STRENGTHS between each of so many ranks and the next, or None."""
    if strengths is None:
        return
    if len(strengths) != ranks - 1:
        raise InvalidRanking(f"{ranks} ranks have {ranks - 1} steps between them, but {len(strengths)} strengths came.")
    if unknown := sorted(set(strengths) - set(STRENGTHS)):
        raise InvalidRanking(f"There is no strength {unknown[0]}; they go from {STRENGTHS[-1]} to {STRENGTHS[0]}.")
