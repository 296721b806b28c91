"""Revisions of what was handed in: begun, handed in, or discarded, with their drafts. Nothing can be changed."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import excerpt
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import AssignmentKind
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.admin.earlier_drafts import WithEarlierDrafts
from labeling.desk.models import Revision


@admin.register(Revision)
class RevisionAdmin(OfCampaigns, WithEarlierDrafts, RecordAdmin):
    campaign_paths = ("assignment__campaign",)
    list_display = (
        "number",
        "opening",
        "author",
        "kind",
        "campaign",
        "show_state",
        shown("started_at", lazy("Since")),
        shown("closed_at", lazy("Until")),
    )
    list_display_links = ("number", "opening")
    list_filter = (
        *by_choice("state", "assignment__kind"),
        *by_relation("assignment__campaign"),
        *by_day("started_at"),
    )
    list_select_related = ("assignment__labeler__user", "assignment__campaign", "assignment__prompt")
    search_fields = ("assignment__labeler__user__username",)
    list_per_page = 50
    fields = (
        "author", "campaign", "kind", "opening", "assignment", "labels", "state", "started_at", "closed_at",
        "draft_saved_at", "draft_version", "draft", "earlier_drafts", "handed_in",
    )  # fmt: skip
    readonly_fields = ("author", "campaign", "kind", "opening", "labels", "earlier_drafts")

    @column("#", ordering="pk")
    def number(self, revision: Revision) -> str:
        return f"{revision.pk}"

    @column(lazy("Prompt"))
    def opening(self, revision: Revision) -> str:
        return excerpt(revision.assignment.prompt.last_user_text(), language=revision.assignment.prompt.language)

    @column(lazy("Labeler"), ordering="assignment__labeler__user__username")
    def author(self, revision: Revision) -> str:
        return str(revision.assignment.labeler)

    @column(lazy("Kind"), ordering="assignment__kind")
    def kind(self, revision: Revision) -> str:
        return revision.assignment.get_kind_display()

    @column(lazy("Campaign"), ordering="assignment__campaign")
    def campaign(self, revision: Revision) -> str:
        return str(revision.assignment.campaign)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, revision: Revision) -> tuple[str, str]:
        return state_label(revision)

    @column(lazy("Revisions"))
    def labels(self, revision: Revision) -> str:
        """What was handed in of this work, each by its number; the last counts."""
        work = revision.assignment
        handed_in = work.rankings if work.kind == AssignmentKind.RANKING else work.demonstrations
        page = f"admin:labeling_{work.kind}_change"  # kinds of work are named after the labels that come of them
        numbered = handed_in.order_by("revision").values_list("pk", "revision")
        return format_html_join(" ", '<a href="{}">r{}</a>', ((reverse(page, args=[pk]), n) for pk, n in numbered))
