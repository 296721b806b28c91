"""What programs asked of the reward model, and what became of it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as lazy

from labeling.admin.colours import STATE_COLOURS, state_label
from labeling.admin.doors import RecordAdmin, column, shown
from labeling.admin.filters import by_choice, by_day, by_relation
from labeling.models import ScoringRequest


@admin.register(ScoringRequest)
class ScoringRequestAdmin(RecordAdmin):
    list_display = (
        "number",
        shown("asked_by", lazy("Account")),
        "show_state",
        "size",
        shown("model_version", lazy("Model")),
        shown("asked_at", lazy("Asked")),
        "waited",
    )
    list_filter = (*by_choice("state"), *by_relation("model_version"), *by_day("asked_at"))
    list_select_related = ("asked_by", "model_version")
    search_fields = ("asked_by__username", "failure")
    list_per_page = 50
    fields = (
        "asked_by", "state", "failure", "model_version", "asked_at", "dispatched_at", "finished_at", "worker", "items",
        "scores",
    )  # fmt: skip

    @column("#", ordering="pk")
    def number(self, asked: ScoringRequest) -> str:
        return f"{asked.pk}"

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, asked: ScoringRequest) -> tuple[str, str]:
        return state_label(asked)

    @column(lazy("Completions"))
    def size(self, asked: ScoringRequest) -> int:
        return sum(len(item["completions"]) for item in asked.items)

    @column(lazy("Waited"))
    def waited(self, asked: ScoringRequest) -> str:
        return f"{(asked.finished_at - asked.asked_at).total_seconds():,.1f} s" if asked.finished_at else "…"
