"""Whether a new reward model takes the place of the current one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """`min_gain`: how much validation accuracy must rise. `min_rankings`: fewer validation rankings decide nothing."""

    min_gain: float
    min_rankings: int


@dataclass(frozen=True)
class Decision:
    promote: bool
    reason: str


def decide(*, new: Mapping[str, Any], current: Mapping[str, Any] | None, rule: Rule) -> Decision:
    """Compares prompt-averaged pair accuracies measured on the same validation comparisons.

    `new` and `current` are the metrics that `python -m rm_trainer evaluate` writes; `current` is None while no reward
    model is promoted: then the new one must beat chance (0.5), because a model that guesses steers nothing.
    """
    rankings = int(new.get("rankings") or 0)
    accuracy = new.get("prompt_accuracy")
    if rankings < rule.min_rankings or accuracy is None:
        return Decision(
            promote=False,
            reason=f"Kept as candidate: the validation split has {rankings} rankings with comparisons, and the rule "
            f"asks for at least {rule.min_rankings} (PROMOTE_MIN_VALID_RANKINGS).",
        )
    base = float(current["prompt_accuracy"]) if current and current.get("prompt_accuracy") is not None else 0.5
    against = "the current model" if current else "chance, as no model is current"
    gain = float(accuracy) - base
    comparison = (
        f"accuracy {float(accuracy):.1%} against {base:.1%} ({against} on the same {rankings} validation rankings)"
    )
    if gain > rule.min_gain:
        return Decision(promote=True, reason=f"Promoted: {comparison}, a gain of {gain:+.1%}.")
    return Decision(
        promote=False,
        reason=f"Kept as candidate: {comparison}, a gain of {gain:+.1%}, "
        f"and the rule asks for more than {rule.min_gain:+.1%} (PROMOTE_MIN_ACCURACY_GAIN).",
    )
