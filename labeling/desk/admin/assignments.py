"""The assignments: who holds which work until when. An admin may give it back to the queue before its time."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown, written
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.as_written import as_written
from labeling.base.states import AssignmentState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.admin.earlier_drafts import WithEarlierDrafts
from labeling.desk.models import Assignment
from labeling.desk.services.leases import give_back

SKIP_NOTE = written("skip_note", lazy("skip note"))


@admin.register(Assignment)
class AssignmentAdmin(OfCampaigns, WithEarlierDrafts, RecordAdmin):
    list_display = (
        "holder",
        shown("kind", lazy("Kind")),
        "work",
        shown("campaign", lazy("Campaign")),
        "show_state",
        shown("claimed_at", lazy("Since")),
        shown("expires_at", lazy("Until")),
        "draft_age",
    )
    list_filter = (*by_choice("state", "kind"), *by_relation("campaign"))
    list_select_related = ("labeler__user", "campaign", "prompt")
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = (
        "holder", "campaign", "kind", "work", "state", "claimed_at", "expires_at", "closed_at", "draft_age",
        "draft_version", "draft", "earlier_drafts", "skip_reason", SKIP_NOTE,
        "instruction_version", "rubric_version", "shown_order",
    )  # fmt: skip
    readonly_fields = ("holder", "work", "draft_age", "earlier_drafts", SKIP_NOTE)
    actions = ("give_back_ticked",)
    actions_detail = ("give_back",)

    def buttons_for(self, row: Assignment) -> Iterable[str]:
        return self.actions_detail if row.state == AssignmentState.OPEN else ()

    @column(lazy("Labeler"), ordering="labeler__user__username")
    def holder(self, assignment: Assignment) -> str:
        return str(assignment.labeler)

    @column(lazy("Work"))
    def work(self, assignment: Assignment) -> str:
        text = assignment.prompt.last_user_text()[:80]
        if assignment.task_id is not None:
            link = reverse("admin:labeling_rankingtask_change", args=[assignment.task_id])
        else:
            link = reverse("admin:labeling_prompt_change", args=[assignment.prompt_id])
        return format_html('<a class="cc-excerpt" href="{}">{}</a>', link, as_written(text))

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, assignment: Assignment) -> tuple[str, str]:
        return state_label(assignment)

    @column(lazy("Draft"), ordering="draft_saved_at")
    def draft_age(self, assignment: Assignment) -> str:
        if assignment.draft_saved_at is None:
            return _("none")
        return _("%(age)s old") % {"age": timesince(assignment.draft_saved_at, depth=1)}

    @admin.action(description=lazy("Give back to the queue"), permissions=["operate"])
    def give_back_ticked(self, request: HttpRequest, ticked: QuerySet[Assignment]) -> None:
        held = list(ticked.filter(state=AssignmentState.OPEN))
        count = give_back(assignment_ids=[assignment.pk for assignment in held])
        for assignment in held:
            self.log_change(request, assignment, _("Given back to the queue."))
        if count:
            messages.success(request, _given_back(count))
        else:
            messages.warning(request, _("None of them is held now, so there is nothing to give back."))

    @button(lazy("Give back to the queue"), icon="undo")
    def give_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        assignment = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            return _given_back(give_back(assignment_ids=[assignment.pk]))

        confirmation = Confirmation(
            title=_("Give the work of %(labeler)s back to the queue?") % {"labeler": assignment.labeler},
            consequences=[
                _("Somebody else may take it. The draft is kept, and its author may go on while a place is free.")
            ],
            button=_("Give back"),
            back=self.page_of(assignment),
            about=[assignment],
            danger=True,
        )
        return confirm(self, request, confirmation, act)


def _given_back(count: int) -> str:
    said = ngettext(
        "%(count)d piece of work is in the queue again.", "%(count)d pieces of work are in the queue again.", count
    )
    return said % {"count": count}
