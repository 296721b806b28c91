"""A share and its interval as the page writes them."""

from django.utils.translation import gettext as _

from labeling.quality.agreement.rules.intervals import Share


def not_enough() -> str:
    return _("not enough data")


def percent(share: Share | None) -> str:
    return f"{share.value:.1%}" if share else not_enough()


def interval_of(share: Share | None) -> str:
    return f"{share.low:.1%} – {share.high:.1%}" if share else ""
