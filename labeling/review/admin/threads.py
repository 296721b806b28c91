"""Messages of labelers, answered; and tasks that they report as broken, set aside or not."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from labeling.base.admin.columns import excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import DropdownFilter, by_choice, by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown, written
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.as_written import as_written
from labeling.base.states import ReportState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.forms import LONGEST_NOTE, TextField
from labeling.review.models.threads import BrokenTaskReport, Thread, ThreadMessage
from labeling.review.queries.threads import column_of, excerpt_of, messages_of
from labeling.review.services.reports import dismiss_report, set_aside_as_reported
from labeling.review.services.threads import read_by_staff, write_as_staff

BROKEN = written("text", lazy("What is broken"))


class AnswerForm(forms.Form):
    text = TextField(
        longest=LONGEST_NOTE, label=lazy("Your answer"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )


class UnreadFilter(DropdownFilter):
    title = lazy("unread")
    parameter_name = "unread"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", lazy("With unread messages"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(staff_unread__gt=0) if self.value() else queryset


@admin.register(Thread)
class ThreadAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("assignment__campaign", "composition__campaign", "labeler__assignments__campaign")
    list_display = ("writer", "about", "last_text", "unread", shown("last_message_at", lazy("Last message")))
    list_display_links = ("writer", "about", "last_text")
    list_filter = (UnreadFilter, *by_day("last_message_at"))
    list_select_related = ("labeler__user", "assignment__prompt", "composition")
    search_fields = ("labeler__user__username", "messages__text")
    search_help_text = lazy("A labeler's name, or words of a message")
    ordering = ("-last_message_at",)
    list_per_page = 50
    change_form_outer_before_template = "review/admin/thread.html"
    fields = ("labeler", "work")
    readonly_fields = ("work",)
    actions_detail = ("answer",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        last = ThreadMessage.objects.filter(thread=OuterRef("pk")).order_by("-id")
        found: QuerySet[Thread] = super().get_queryset(request)
        return found.annotate(last=Subquery(last.values("text")[:1]))

    def page_context(self, request: HttpRequest, thread: Thread) -> dict[str, Any]:
        """Whoever may answer and opens the page has read it."""
        if self.has_operate_permission(request):
            read_by_staff(thread)
        return super().page_context(request, thread) | {"said": messages_of(thread), "own": str(thread.labeler)}

    @column(lazy("Labeler"), ordering="labeler__user__username")
    def writer(self, thread: Thread) -> str:
        return str(thread.labeler)

    @column(lazy("About"))
    def about(self, thread: Thread) -> str:
        if thread.about is None:
            return _("In general")
        text, language = excerpt_of(thread.about)
        return excerpt(text, language=language)

    @column(lazy("Last message"))
    def last_text(self, thread: Any) -> str:
        return excerpt(thread.last or "")

    @column(lazy("Unread"), label={"yes": "danger", "no": "default"}, ordering="staff_unread")
    def unread(self, thread: Thread) -> tuple[str, str]:
        return ("yes", f"{thread.staff_unread}") if thread.staff_unread else ("no", "–")

    @column(lazy("About"))
    def work(self, thread: Thread) -> str:
        if thread.about is None:
            return _("In general")
        link = reverse(f"admin:labeling_{column_of(thread.about)}_change", args=[thread.about.pk])
        return format_html('<a href="{}">{}</a>', link, as_written(excerpt_of(thread.about)[0][:200]))

    @button(lazy("Answer"), icon="reply", primary=True)
    def answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        thread = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            write_as_staff(labeler=thread.labeler, text=cleaned["text"], by=_asker(request), work=thread.about)
            return _("Sent to %(labeler)s.") % {"labeler": thread.labeler}

        confirmation = Confirmation(
            title=_("Answer %(labeler)s") % {"labeler": thread.labeler},
            consequences=[_("Every page of the desk says that there is a message. Your name is not shown.")],
            button=_("Send"),
            back=self.page_of(thread),
            about=[thread],
            form=AnswerForm,
        )
        return confirm(self, request, confirmation, act)


@admin.register(BrokenTaskReport)
class BrokenTaskReportAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("assignment__campaign",)
    list_display = (
        "number",
        "opening",
        "labeler",
        BROKEN,
        "show_state",
        shown("reported_at", lazy("Reported")),
    )
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("assignment__campaign"), *by_day("reported_at"))
    list_select_related = ("assignment__labeler__user", "assignment__prompt", "assignment__task")
    search_fields = ("assignment__labeler__user__username", "text")
    list_per_page = 50
    fields = ("labeler", "task", BROKEN, "reported_at", "state", "decided_by", "decided_at", "answer")
    readonly_fields = ("labeler", "task", BROKEN)
    actions_detail = ("set_aside", "dismiss")

    def buttons_for(self, row: BrokenTaskReport) -> Iterable[str]:
        return self.actions_detail if row.state == ReportState.OPEN else ()

    @column("#", ordering="pk")
    def number(self, report: BrokenTaskReport) -> str:
        return f"{report.pk}"

    @column(lazy("Prompt"))
    def opening(self, report: BrokenTaskReport) -> str:
        prompt = report.assignment.prompt
        return excerpt(prompt.last_user_text(), language=prompt.language)

    @column(lazy("Labeler"), ordering="assignment__labeler__user__username")
    def labeler(self, report: BrokenTaskReport) -> str:
        return str(report.assignment.labeler)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, report: BrokenTaskReport) -> tuple[str, str]:
        return state_label(report)

    @column(lazy("Task"))
    def task(self, report: BrokenTaskReport) -> str:
        work = report.assignment
        noun, pk = ("rankingtask", work.task_id) if work.task_id else ("prompt", work.prompt_id)
        return format_html('<a href="{}">{}</a>', reverse(f"admin:labeling_{noun}_change", args=[pk]), f"#{pk}")

    @button(lazy("Set aside"), icon="block")
    def set_aside(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(report: BrokenTaskReport, text: str) -> str:
            set_aside_as_reported(report=report, by=_asker(request), reason=text)
            return _("Set aside, and whoever reported it is told.")

        consequences = [
            _("Nobody is offered the task any more; where it is done, or none, its prompt goes aside. What a labeler "
              "holds may be finished."),
            _("Your words go to everybody who reported it, and stand beside the task."),
        ]  # fmt: skip
        return self._decide(request, object_id, _("Set the task aside?"), consequences, _("Set aside"), act)

    @button(lazy("Dismiss"), icon="check", primary=True)
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(report: BrokenTaskReport, text: str) -> str:
            dismiss_report(report=report, by=_asker(request), answer=text)
            return _("Dismissed, and the labeler is told why.")

        consequences = [_("The task stays as it is. Your words go to the labeler who reported it.")]
        return self._decide(request, object_id, _("Dismiss the report?"), consequences, _("Dismiss"), act)

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        title: str,
        consequences: list[str],
        word: str,
        act: Callable[[BrokenTaskReport, str], str],
    ) -> HttpResponse:
        report = self.find(request, object_id)
        confirmation = Confirmation(
            title=title, consequences=consequences, button=word, back=self.page_of(report), about=[report],
            form=AnswerForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, lambda cleaned: act(report, cleaned["text"]))


def _asker(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # who may press it
    return request.user
