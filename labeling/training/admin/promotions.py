"""The numbers by which a new reward model was promoted or not, as rows that people read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

PARTS: dict[str, tuple[StrPromise, str]] = {
    "test": (_("Not worse on the frozen test set"), "≥"),
    "newest": (_("Better on the newest batch"), ">"),
}


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


def numbers_of(promotion: Mapping[str, Any]) -> Numbers | None:
    """Of `TrainingRun.promotion` (labeling/promotion.py); None before a run was decided."""
    if not promotion:
        return None
    rule = promotion["rule"]
    needed = {"test": rule["min_test_rankings"], "newest": rule["min_new_rankings"]}
    return Numbers(
        against=promotion["against"],
        since=datetime.fromisoformat(promotion["since"]),
        confidence=f"{rule['confidence']:.0%}",
        rows=[_row(part, promotion[part], needed[part]) for part in PARTS],
    )


def _row(part: str, numbers: Mapping[str, Any], needed: int) -> Row:
    name, relation = PARTS[part]
    measured = numbers["comparison"] or {}
    return Row(
        name=name,
        holds=numbers["holds"],
        rankings=measured.get("rankings", 0),
        prompts=measured.get("prompts", 0),
        needed=needed,
        new=_share(measured.get("new")),
        current=_share(measured.get("current")),
        difference=_signed(measured.get("difference")),
        interval="\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}".join(_signed(bound) for bound in measured.get("interval", []))
        or "–",
        lower=_signed(measured.get("lower")),
        must_be=f"{relation}\N{NO-BREAK SPACE}{_signed(numbers['floor'])}",
        better=_share(measured.get("probability_better")),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value + 0.0:+.1%}"
