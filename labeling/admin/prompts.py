"""Prompts and whoever they came from. Text and origin never change; a prompt can be set aside and put back."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.admin.asking import Question, ask
from labeling.admin.doors import RecordAdmin, column, door, shown
from labeling.admin.filters import LanguageFilter, OwnSplitFilter, SetAsideFilter, SplitFilter, by_choice, by_relation
from labeling.admin.progress import bar
from labeling.admin.setting_aside import ask_why, ids_in, put_back, set_aside_with_reason
from labeling.models import Prompt, Submitter
from labeling.queries.work import turns_of
from labeling.services.setting_aside import restore_prompt, set_prompt_aside

CONSEQUENCES = [
    lazy("No demonstration is asked for and no ranking task is made any more, and its open tasks go aside with it."),
    lazy("What labelers hold now they may finish. Nothing is deleted; the prompt can be put back."),
]


@admin.register(Prompt)
class PromptAdmin(RecordAdmin):
    list_display = (
        "number",
        "opening",
        shown("campaign", lazy("Campaign")),
        shown("use_case", lazy("Use case")),
        shown("language", lazy("Language")),
        "split",
        shown("source", lazy("Source")),
        "progress",
        "aside",
    )
    list_display_links = ("number", "opening")
    list_filter = (
        *by_relation("campaign"),
        *by_choice("use_case", "source"),
        LanguageFilter,
        SplitFilter,
        SetAsideFilter,
    )
    list_select_related = ("campaign", "submitter")
    search_fields = ("messages", "submitter__name")
    search_help_text = lazy("Words of the prompt, or a submitter's name")
    list_per_page = 50
    change_form_outer_before_template = "admin/concord/prompt.html"
    fields = (
        "campaign", "submitter", "split", "source", "use_case", "language", "author", "set_aside_reason",
        "demonstrations_needed", "demonstrations_open", "demonstrations_done", "ranking_tasks_needed",
        "ranking_tasks_made", "created_at",
    )  # fmt: skip
    readonly_fields = ("split",)
    actions = ("set_aside_ticked", "put_back_ticked")
    actions_list = ("set_aside_many",)
    actions_detail = ("set_aside", "restore")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        prompt = self.find(request, object_id)
        shown = {
            "turns": turns_of(prompt.messages),
            "prompt": prompt,
            "demonstrations": prompt.demonstrations.select_related("labeler__user").order_by("-id")[:20],
            "tasks": prompt.ranking_tasks.order_by("-id")[:20],
        }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | shown)

    def sensible_doors(self, row: Prompt) -> Iterable[str]:
        return ["restore"] if row.set_aside_reason else ["set_aside"]

    def get_actions_list(self, request: HttpRequest) -> list[Any]:  # noqa: ARG002
        return []  # set_aside_many is only reached from ticked rows

    @column("#", ordering="pk")
    def number(self, prompt: Prompt) -> int:
        return prompt.pk

    @column(lazy("Prompt"))
    def opening(self, prompt: Prompt) -> str:
        return format_html(
            '<span class="cc-excerpt" lang="{}">{}</span>', prompt.language, prompt.last_user_text()[:160]
        )

    @column(lazy("Split"), ordering="submitter__split")
    def split(self, prompt: Prompt) -> str:
        return prompt.submitter.split

    @column(lazy("Demonstrations"), ordering="demonstrations_done")
    def progress(self, prompt: Prompt) -> str:
        return bar(prompt.demonstrations_done, prompt.demonstrations_needed)

    @column(lazy("Set aside"), label={"aside": "warning"}, ordering="set_aside_reason")
    def aside(self, prompt: Prompt) -> tuple[str, str] | None:
        return ("aside", prompt.set_aside_reason[:40]) if prompt.set_aside_reason else None

    @admin.action(description=lazy("Set aside …"), permissions=["operate"])
    def set_aside_ticked(self, request: HttpRequest, ticked: QuerySet[Prompt]) -> HttpResponse:  # noqa: ARG002
        return ask_why(self, ticked, door="set_aside_many")

    @admin.action(description=lazy("Put back into the queue"), permissions=["operate"])
    def put_back_ticked(self, request: HttpRequest, ticked: QuerySet[Prompt]) -> None:
        put_back(self, request, ticked, do=lambda prompt: restore_prompt(prompt=prompt))

    @door(lazy("Set aside"), icon="block")
    def set_aside_many(self, request: HttpRequest) -> HttpResponse:
        back = reverse("admin:labeling_prompt_changelist")
        return self._set_aside(request, list(Prompt.objects.filter(pk__in=ids_in(request))), back)

    @door(lazy("Set aside"), icon="block")
    def set_aside(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt = self.find(request, object_id)
        return self._set_aside(request, [prompt], self.page_of(prompt))

    def _set_aside(self, request: HttpRequest, prompts: list[Prompt], back: str) -> HttpResponse:
        return set_aside_with_reason(
            self,
            request,
            prompts,
            consequences=CONSEQUENCES,
            back=back,
            do=lambda prompt, reason: set_prompt_aside(prompt=prompt, reason=reason),
        )

    @door(lazy("Put back into the queue"), icon="undo", primary=True)
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt = self.find(request, object_id)

        def answer(_cleaned: dict[str, Any]) -> str:
            restore_prompt(prompt=prompt)
            return _("Prompt %(number)d is in the queue again.") % {"number": prompt.pk}

        question = Question(
            title=_("Put prompt %(number)d back into the queue?") % {"number": prompt.pk},
            consequences=[_("Work is handed out again, and the tasks that went aside with it come back.")],
            button=_("Put back"),
            back=self.page_of(prompt),
            about=[prompt],
        )
        return ask(self, request, question, answer)


@admin.register(Submitter)
class SubmitterAdmin(RecordAdmin):
    list_display = (shown("name", lazy("Submitter")), shown("split", lazy("Split")), "prompts")
    list_filter = (OwnSplitFilter,)
    search_fields = ("name",)
    fields = ("name", "split", "prompts")
    readonly_fields = ("prompts",)

    @column(lazy("Prompts"), ordering="prompt_count")
    def prompts(self, submitter: Submitter) -> str:
        link = reverse("admin:labeling_prompt_changelist", query={"submitter__id__exact": submitter.pk})
        return format_html('<a href="{}">{}</a>', link, submitter.prompt_count)
