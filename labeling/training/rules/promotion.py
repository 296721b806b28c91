"""Whether a new reward model takes the place of the current one. Pure.

It does if both hold, on rankings that neither was trained on:

* *Not worse* on the frozen test set (the split `test`, by which nothing is chosen): accuracy falls by no more
  than a tolerance. Non-inferiority: the one-sided lower bound of the difference, new − current, is −tolerance or more.
* *Better* on the newest batch (valid and test rankings handed in after what the current model was trained on).
  Superiority: the lower bound is above the least gain.

Bounds are those of a bootstrap over prompts that draws both models together (rm_trainer/evaluation/paired.py). Where
no model is current, chance stands in its place, which has half of every prompt's pairs right; everything is new then.
"""

from dataclasses import dataclass
from typing import TypedDict

from rm_trainer.evaluation.figures import Comparison


class Rule(TypedDict):
    """Accuracies and their differences are shares: 0.02 is two points."""

    tolerance: float
    min_gain: float
    confidence: float
    min_test_rankings: int
    min_new_rankings: int


class PartNumbers(TypedDict):
    """One half of the rule: the measured difference's lower bound must reach `floor`."""

    comparison: Comparison | None
    floor: float
    holds: bool


class PromotionNumbers(TypedDict):
    """What a decision was made by, as TrainingRun.promotion keeps it.

    `against` names the current model, "" for chance; rankings after `since` are new.
    """

    promote: bool
    against: str
    since: str
    rule: Rule
    test: PartNumbers
    newest: PartNumbers


@dataclass(frozen=True, kw_only=True)
class Decision:
    promote: bool
    reason: str
    numbers: PromotionNumbers


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One half of the rule: `floor` is what the difference's lower bound must exceed, or just reach where it may."""

    name: str
    comparison: Comparison | None
    floor: float
    may_equal: bool
    min_rankings: int
    setting: str

    @property
    def rankings(self) -> int:
        return self.comparison["rankings"] if self.comparison else 0

    @property
    def is_large_enough(self) -> bool:
        return self.rankings >= self.min_rankings

    @property
    def holds(self) -> bool:
        if self.comparison is None or not self.is_large_enough:
            return False
        lower = self.comparison["lower"]
        return lower > self.floor or (self.may_equal and lower == self.floor)

    def numbers(self) -> PartNumbers:
        return PartNumbers(comparison=self.comparison, floor=self.floor, holds=self.holds)

    def too_small(self) -> str:
        return f"{self.name} has {self.rankings} rankings with comparisons, and the rule asks for {self.min_rankings} "

    def told(self) -> str:
        assert self.comparison is not None
        found = self.comparison
        return (
            f"{found['new']:.1%} against {found['current']:.1%} on {self.name} ({self.rankings} rankings; "
            f"difference {found['difference']:+.1%}, with {found['confidence']:.0%} confidence above "
            f"{found['lower']:+.1%}, must be "
            f"{'at least' if self.may_equal else 'above'} {self.floor:+.1%})"
        )


def decide(
    *,
    test: Comparison | None,
    newest: Comparison | None,
    against: str,
    since: str,
    rule: Rule,
) -> Decision:
    """`test` and `newest` are comparisons as `python -m rm_trainer evaluate` writes them, None where no ranking is.

    `against` names the current model, "" for chance; `since` is the time after which a ranking is new.
    """
    frozen = _Part(
        name="the frozen test set",
        comparison=test,
        floor=-rule["tolerance"],
        may_equal=True,
        min_rankings=rule["min_test_rankings"],
        setting="PROMOTE_MIN_TEST_RANKINGS",
    )
    batch = _Part(
        name="the newest batch",
        comparison=newest,
        floor=rule["min_gain"],
        may_equal=False,
        min_rankings=rule["min_new_rankings"],
        setting="PROMOTE_MIN_NEW_RANKINGS",
    )
    promote = frozen.holds and batch.holds
    numbers = PromotionNumbers(
        promote=promote, against=against, since=since, rule=rule, test=frozen.numbers(), newest=batch.numbers()
    )
    return Decision(promote=promote, reason=_reason(frozen, batch, against), numbers=numbers)


def _reason(frozen: _Part, batch: _Part, against: str) -> str:
    opponent = f"{against}" if against else "chance, as no model is current"
    measured = " and ".join(part.told() for part in (frozen, batch) if part.comparison is not None)
    beside = f" Accuracy beside {opponent}: {measured}." if measured else ""
    small = [part for part in (frozen, batch) if not part.is_large_enough]
    if small:
        lacks = "; ".join(f"{part.too_small()}({part.setting})" for part in small)
        return f"Kept as candidate: too little to decide by. {lacks[0].upper()}{lacks[1:]}.{beside}"
    if not frozen.holds:
        return f"Kept as candidate: it may be worse on the frozen test set.{beside}"
    if not batch.holds:
        return f"Kept as candidate: not shown to be better on the newest batch.{beside}"
    return f"Promoted: not worse on the frozen test set and better on the newest batch.{beside}"
