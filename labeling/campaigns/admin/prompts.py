"""Prompts and whoever they came from. Text and origin never change; a prompt can be set aside and put back."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.columns import bar
from labeling.base.admin.confirmation import Question, ask
from labeling.base.admin.filters import (
    LanguageFilter,
    OwnSplitFilter,
    SetAsideFilter,
    SplitFilter,
    by_choice,
    by_relation,
)
from labeling.base.admin.nouns import RecordAdmin, column, door, shown
from labeling.base.admin.setting_aside import SetAsideAdmin
from labeling.base.states import ContentWarning
from labeling.campaigns.models.prompts import Prompt, Submitter
from labeling.campaigns.services.prompts import warn_of_content
from labeling.desk.queries.work import turns_of
from labeling.ranking_tasks.services.setting_aside import restore_prompt, set_prompt_aside

CONSEQUENCES = [
    lazy("No demonstration is asked for and no ranking task is made any more, and its open tasks go aside with it."),
    lazy("What labelers hold now they may finish. Nothing is deleted; the prompt can be put back."),
]


class WarningsForm(forms.Form):
    warnings = forms.TypedMultipleChoiceField(
        label=lazy("Content warnings"),
        coerce=ContentWarning,
        choices=ContentWarning.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


@admin.register(Prompt)
class PromptAdmin(SetAsideAdmin):
    actions_detail = ("set_aside", "restore", "warn")
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
    change_form_outer_before_template = "campaigns/admin/prompt.html"
    fields = (
        "campaign", "submitter", "split", "source", "use_case", "language", "content_warnings", "author",
        "set_aside_reason",
        "demonstrations_needed", "demonstrations_open", "demonstrations_done", "ranking_tasks_needed",
        "ranking_tasks_made", "created_at",
    )  # fmt: skip
    readonly_fields = ("split",)
    consequences = CONSEQUENCES

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
        return ["restore" if row.set_aside_reason else "set_aside", "warn"]

    @door(lazy("Content warnings"), icon="warning")
    def warn(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt = self.find(request, object_id)

        def answer(cleaned: dict[str, Any]) -> str:
            warned = warn_of_content(prompt=prompt, warnings=cleaned["warnings"])
            return _("Content warnings: %(warnings)s.") % {"warnings": ", ".join(warned.content_warnings) or _("none")}

        question = Question(
            title=_("What does prompt %(number)d hold?") % {"number": prompt.pk},
            consequences=[
                _("Labelers are told before they see the text, and those who opted out of it are not offered it."),
                _("Work that somebody holds now stays theirs."),
            ],
            button=_("Save"),
            back=self.page_of(prompt),
            about=[prompt],
            form=partial(WarningsForm, initial={"warnings": prompt.content_warnings}),
        )
        return ask(self, request, question, answer)

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

    def put_aside(self, row: Prompt, *, reason: str) -> None:
        set_prompt_aside(prompt=row, reason=reason)

    def take_back(self, row: Prompt) -> str:
        restore_prompt(prompt=row)
        return _("Prompt %(number)d is in the queue again.") % {"number": row.pk}

    def restoring(self, row: Prompt) -> tuple[str, list[str]]:
        title = _("Put prompt %(number)d back into the queue?") % {"number": row.pk}
        return title, [_("Work is handed out again, and the tasks that went aside with it come back.")]


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
