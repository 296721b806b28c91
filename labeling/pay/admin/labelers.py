"""What a labeler's own page shows of time and pay, for their page in the admin."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.model_admins import BaseAdmin, column
from labeling.pay.queries.own import DAYS_SHOWN, own_periods
from labeling.pay.queries.work import time_per_piece
from labeling.pay.views.words import all_money, hours_and_minutes, kind_word, minutes_and_seconds
from labeling.people.models import Labeler

PAY = ("median_times", "earned")
PAY_FIELDSETS: Sequence[Any] = ((lazy("Time and pay"), {"fields": PAY}),)


class LabelerPay(BaseAdmin):
    @column(lazy("Median time of one piece, 30 days"))
    def median_times(self, labeler: Labeler) -> str:
        now = timezone.now()
        times = time_per_piece(labeler, since=now - timedelta(days=DAYS_SHOWN), until=now)
        lines = (
            (
                f"{kind_word(each.kind)}, K = {each.k}" if each.k else kind_word(each.kind),
                minutes_and_seconds(each.median_seconds),
                f"{each.count:,}",
            )
            for each in times
        )
        return format_html_join("", "<div>{}: {} ({})</div>", lines) or "–"

    @column(lazy("Earned"))
    def earned(self, labeler: Labeler) -> str:
        if labeler.simulated:
            return _("Simulated labelers earn nothing.")
        lines = [
            (
                reverse("admin:labeling_payperiod_change", args=[each.period.pk]),
                each.period,
                all_money(each.amounts),
                hours_and_minutes(each.seconds),
                each.period.get_state_display(),
            )
            for each in own_periods(labeler)
        ]
        if not lines:
            return "–"
        ledger = reverse("admin:labeling_payentry_changelist", query={"labeler__id__exact": labeler.pk})
        return format_html(
            '{}<div><a href="{}">{}</a></div>',
            format_html_join("", '<div><a href="{}">{}</a>: {} · {} · {}</div>', lines),
            ledger,
            _("Ledger"),
        )
