"""Who was checked by what, and what it came to."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import bar
from labeling.base.admin.filters import by_choice, by_day, by_relation, yes_or_no
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.quality.gold.models import Check


@admin.register(Check)
class CheckAdmin(RecordAdmin):
    """Who was checked by what, and what it came to."""

    list_display = (
        "number",
        shown("labeler", lazy("Labeler")),
        shown("kind", lazy("Kind")),
        "campaign",
        "result",
        "held",
        "flagged",
        shown("measured_at", lazy("Measured")),
    )
    list_filter = (
        *by_choice("kind"),
        *yes_or_no("passed"),
        *by_relation("item", "task__campaign"),
        *by_day("measured_at"),
    )
    list_select_related = ("labeler__user", "task__campaign")
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = (
        "labeler", "kind", "task", "item", "version", "earlier", "ranking", "pairs", "pairs_held", "flags",
        "flags_agreed", "passed", "planned_at", "measured_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Check]:
        return within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")

    @column("#", ordering="pk")
    def number(self, check: Check) -> int:
        return check.pk

    @column(lazy("Campaign"), ordering="task__campaign")
    def campaign(self, check: Check) -> str:
        return str(check.task.campaign)

    @column(lazy("Result"), label=STATE_COLOURS)
    def result(self, check: Check) -> tuple[str, str]:
        if check.ranking_id is None:
            return "waiting", _("Waiting")
        if check.passed is None:
            return "done", _("Measured")
        return ("passed", _("Passed")) if check.passed else ("failed", _("Failed"))

    @column(lazy("Pairs that held"))
    def held(self, check: Check) -> str:
        return bar(check.pairs_held, check.pairs) if check.pairs else "–"

    @column(lazy("Flags agreed"))
    def flagged(self, check: Check) -> str:
        return bar(check.flags_agreed, check.flags) if check.flags else "–"
