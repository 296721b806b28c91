"""The numbers by which a new reward model was promoted or not, as rows that people read. Pure."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.training.rules.promotion import PartNumbers, PromotionNumbers
from rm_trainer.evaluation.figures import Interval


@dataclass(frozen=True, kw_only=True)
class Row:
    """One half of the rule. What was not measured is "–"."""

    name: StrPromise
    holds: bool
    rankings: int
    prompts: int
    needed: int
    new: str
    current: str
    difference: str
    interval: str
    lower: str
    must_be: str
    better: str


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """`against` is "" for chance."""

    against: str
    since: datetime
    confidence: str
    rows: list[Row]


def numbers_of(promotion: PromotionNumbers | None) -> Numbers | None:
    """Returns the numbers in `TrainingRun.promotion`; None before a run was decided."""
    if not promotion:
        return None
    rule = promotion["rule"]
    test, newest = promotion["test"], promotion["newest"]
    return Numbers(
        against=promotion["against"],
        since=datetime.fromisoformat(promotion["since"]),
        confidence=f"{rule['confidence']:.0%}",
        rows=[
            _row(_("Not worse on the frozen test set"), "≥", test, needed=rule["min_test_rankings"]),
            _row(_("Better on the newest batch"), ">", newest, needed=rule["min_new_rankings"]),
        ],
    )


def _row(name: StrPromise, relation: str, numbers: PartNumbers, *, needed: int) -> Row:
    measured = numbers["comparison"]
    must_be = f"{relation}\N{NO-BREAK SPACE}{_signed(numbers['floor'])}"
    if measured is None:
        return Row(
            name=name, holds=numbers["holds"], rankings=0, prompts=0, needed=needed, new="–", current="–",
            difference="–", interval="–", lower="–", must_be=must_be, better="–",
        )  # fmt: skip
    return Row(
        name=name,
        holds=numbers["holds"],
        rankings=measured["rankings"],
        prompts=measured["prompts"],
        needed=needed,
        new=f"{measured['new']:.1%}",
        current=f"{measured['current']:.1%}",
        difference=_signed(measured["difference"]),
        interval=_interval(measured["interval"]),
        lower=_signed(measured["lower"]),
        must_be=must_be,
        better=f"{measured['probability_better']:.1%}",
    )


def _interval(bounds: Interval) -> str:
    if bounds is None:
        return gettext("not enough data")
    return "\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}".join(_signed(bound) for bound in bounds)


def _signed(value: float) -> str:
    return f"{value + 0.0:+.1%}"
