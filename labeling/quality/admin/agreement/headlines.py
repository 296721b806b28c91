"""The figures at the top of the page."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from labeling.quality.admin.agreement.words import interval_of, not_enough, percent
from labeling.quality.agreement.queries.figures import Figures
from labeling.quality.agreement.rules.intervals import Share


@dataclass(frozen=True, kw_only=True)
class Headline:
    value: str
    name: StrOrPromise
    interval: str
    meaning: StrOrPromise


def headlines(figures: Figures) -> list[Headline]:
    tau = figures.tau
    return [
        _of_share(_("Agreement"), figures.agreement, _("of the pairs that both order, both prefer the same one")),
        _of_share(_("Ties"), figures.tie_rate, _("of all pairs, one of both ties")),
        Headline(
            value=f"{tau.value:.2f}" if tau else not_enough(),
            name=_("Kendall’s tau-b"),
            interval=f"{tau.low:.2f} – {tau.high:.2f}" if tau else "",
            meaning=_("1: the same order, 0: none in common, −1: the reverse"),
        ),
        Headline(
            value=f"{figures.quality.value:.2f}" if figures.quality else not_enough(),
            name=_("Krippendorff’s alpha of ratings"),
            interval="",
            meaning=_("1: the same ratings, 0: as chance would give"),
        ),
    ]


def _of_share(name: str, share: Share | None, meaning: str) -> Headline:
    return Headline(value=percent(share), name=name, interval=interval_of(share), meaning=meaning)
