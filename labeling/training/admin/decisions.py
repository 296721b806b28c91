"""Why a new reward model was promoted or not, in the reader's language: from the numbers, not from the stored words."""

from django.utils.translation import gettext as _

from labeling.training.models import TrainingRun
from labeling.training.rules.promotion import PartNumbers, PromotionNumbers


def decision_in_words(run: TrainingRun) -> str:
    """As `TrainingRun.decision` says it in English; "" before it was decided."""
    numbers: PromotionNumbers | None = run.promotion or None
    if numbers is None:
        return run.decision
    beside = _beside(numbers)
    said = f"{_verdict(numbers)} {beside}" if beside else _verdict(numbers)
    if numbers["promote"] and not run.decision.startswith("Promoted"):
        return _(
            "Kept as candidate: it learned from simulated labelers, and nobody asked that such a model may become "
            "current. The rule would have it so: %(reason)s"
        ) % {"reason": said}
    return said


def _verdict(numbers: PromotionNumbers) -> str:
    rule, test, newest = numbers["rule"], numbers["test"], numbers["newest"]
    small = [
        _("%(part)s has %(count)d rankings with comparisons, and the rule asks for %(needed)d (%(setting)s)")
        % {"part": part, "count": _rankings(measured), "needed": needed, "setting": setting}
        for part, measured, needed, setting in (
            (_("the frozen test set"), test, rule["min_test_rankings"], "PROMOTE_MIN_TEST_RANKINGS"),
            (_("the newest batch"), newest, rule["min_new_rankings"], "PROMOTE_MIN_NEW_RANKINGS"),
        )
        if _rankings(measured) < needed
    ]
    if small:
        lacks = "; ".join(small)
        return _("Kept as candidate: too little to decide by. %(lacks)s.") % {"lacks": f"{lacks[0].upper()}{lacks[1:]}"}
    if not test["holds"]:
        return _("Kept as candidate: it may be worse on the frozen test set.")
    if not newest["holds"]:
        return _("Kept as candidate: not shown to be better on the newest batch.")
    return _("Promoted: not worse on the frozen test set and better on the newest batch.")


def _beside(numbers: PromotionNumbers) -> str:
    measured = [
        told
        for told in (
            _told(_("the frozen test set"), numbers["test"], may_equal=True),
            _told(_("the newest batch"), numbers["newest"], may_equal=False),
        )
        if told
    ]
    if not measured:
        return ""
    opponent = numbers["against"] or _("chance, as no model is current")
    return _("Accuracy beside %(opponent)s: %(measured)s.") % {
        "opponent": opponent,
        "measured": _(" and ").join(measured),
    }


def _told(part: str, numbers: PartNumbers, *, may_equal: bool) -> str:
    found = numbers["comparison"]
    if found is None:
        return ""
    words = (
        _("%(new)s against %(current)s on %(part)s (%(count)d rankings; difference %(difference)s, with %(confidence)s "
          "confidence above %(lower)s, must be at least %(floor)s)")
        if may_equal
        else _("%(new)s against %(current)s on %(part)s (%(count)d rankings; difference %(difference)s, with "
               "%(confidence)s confidence above %(lower)s, must be above %(floor)s)")
    )  # fmt: skip
    return words % {
        "new": f"{found['new']:.1%}",
        "current": f"{found['current']:.1%}",
        "part": part,
        "count": found["rankings"],
        "difference": f"{found['difference']:+.1%}",
        "confidence": f"{found['confidence']:.0%}",
        "lower": f"{found['lower']:+.1%}",
        "floor": f"{numbers['floor']:+.1%}",
    }


def _rankings(numbers: PartNumbers) -> int:
    return numbers["comparison"]["rankings"] if numbers["comparison"] else 0
