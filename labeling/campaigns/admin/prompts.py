"""Prompts and whoever they came from. Text and origin never change."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrPromise
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.columns import bar, excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import several
from labeling.base.admin.filters import DropdownFilter, LanguageFilter, by_choice, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.messages import turns_of
from labeling.base.states import ContentWarning
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.models.prompts import WANTS_DEMONSTRATION, WANTS_RANKING_TASK, Prompt, Submitter
from labeling.campaigns.services.prompts import ask_for_skills, warn_of_content
from labeling.people.skills.queries import named_skills, names_of_skills
from lm.snapshot.records.constants import SPLITS


class SplitFilter(DropdownFilter):
    """train, valid or test."""

    title = lazy("split")
    parameter_name = "split"
    lookup = "opening__split"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(split, split) for split in SPLITS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class OwnSplitFilter(SplitFilter):
    lookup = "split"


class SetAsideFilter(DropdownFilter):
    """Prompts in use, or those that were set aside."""

    title = lazy("set aside")
    parameter_name = "aside"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("no", _("In use")), ("yes", _("Set aside"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "yes":
            return queryset.exclude(set_aside_reason="")
        return queryset.filter(set_aside_reason="") if self.value() == "no" else queryset


class WantsFilter(DropdownFilter):
    """Prompts for which work is still to be handed out, by what they want."""

    title = lazy("wants")
    parameter_name = "wants"
    wanted: ClassVar[dict[str, tuple[StrPromise, Q]]] = {
        "ranking": (lazy("Ranking tasks to be made"), WANTS_RANKING_TASK),
        "demonstration": (lazy("Demonstrations nobody is writing"), WANTS_DEMONSTRATION),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [(name, label) for name, (label, _rows) in self.wanted.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        return queryset.filter(self.wanted[value][1]) if value in self.wanted else queryset


class WarningsForm(forms.Form):
    warnings = forms.TypedMultipleChoiceField(
        label=lazy("Content warnings"),
        coerce=ContentWarning,
        choices=ContentWarning.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


class SkillsForm(forms.Form):
    skills = several(lazy("Skills and topics"), named_skills)


class PromptAdmin(OfCampaigns, RecordAdmin):
    actions_detail: tuple[Any, ...] = ("warn", "ask_for_skills")
    list_display = (
        "number",
        "asked",
        shown("campaign", lazy("Campaign")),
        shown("use_case", lazy("Use case")),
        shown("language", lazy("Language")),
        "split",
        shown("source", lazy("Source")),
        "progress",
        "aside",
    )
    list_display_links = ("number", "asked")
    list_filter = (
        *by_relation("campaign", "prompt_import"),
        *by_choice("use_case", "source"),
        LanguageFilter,
        SplitFilter,
        SetAsideFilter,
        WantsFilter,
    )
    list_select_related = ("campaign", "submitter", "opening")
    search_fields = ("messages", "submitter__name")
    search_help_text = lazy("Words of the prompt, or a submitter's name")
    list_per_page = 50
    change_form_outer_before_template = "campaigns/admin/prompt.html"
    fields = (
        "campaign", "submitter", "split", "source", "prompt_import", "import_line",
        "use_case", "language", "content_warnings", "required_skills", "author",
        "why_aside",
        "demonstrations_needed", "demonstrations_open", "demonstrations_done", "ranking_tasks_needed",
        "ranking_tasks_made", "created_at",
    )  # fmt: skip
    readonly_fields = ("split", "why_aside")

    def page_context(self, request: HttpRequest, prompt: Prompt) -> dict[str, Any]:
        return super().page_context(request, prompt) | {
            "turns": turns_of(prompt.messages),
            "prompt": prompt,
            "set_aside": note_in_words(prompt.set_aside_reason),
            "demonstrations": prompt.demonstrations.select_related("labeler__user").order_by("-id")[:20],
        }

    def buttons_for(self, row: Prompt) -> Iterable[str]:  # noqa: ARG002
        return ["warn", "ask_for_skills"]

    @button(lazy("Content warnings"), icon="warning")
    def warn(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            warned = warn_of_content(prompt=prompt, warnings=cleaned["warnings"])
            return _("Content warnings: %(warnings)s.") % {"warnings": ", ".join(warned.content_warnings) or _("none")}

        confirmation = Confirmation(
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
        return confirm(self, request, confirmation, act)

    @button(lazy("Skills"), icon="school")
    def ask_for_skills(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            asked = ask_for_skills(prompt=prompt, skills=cleaned["skills"])
            names = names_of_skills(asked.required_skills) or _("none")
            return _("Skills that it asks for: %(skills)s.") % {"skills": names}

        confirmation = Confirmation(
            title=_("Which skills does prompt %(number)d ask for?") % {"number": prompt.pk},
            consequences=[
                _("It is offered only to labelers who have all of them, and those that the campaign asks for."),
                _("Work that somebody holds now stays theirs."),
            ],
            button=_("Save"),
            back=self.page_of(prompt),
            about=[prompt],
            form=partial(SkillsForm, initial={"skills": prompt.required_skills}),
        )
        return confirm(self, request, confirmation, act)

    @column("#", ordering="pk")
    def number(self, prompt: Prompt) -> int:
        return prompt.pk

    @column(lazy("Prompt"))
    def asked(self, prompt: Prompt) -> str:
        return excerpt(prompt.last_user_text(), language=prompt.language)

    @column(lazy("Split"), ordering="opening__split")
    def split(self, prompt: Prompt) -> str:
        return prompt.split

    @column(lazy("Demonstrations"), ordering="demonstrations_done")
    def progress(self, prompt: Prompt) -> str:
        return bar(prompt.demonstrations_done, prompt.demonstrations_needed)

    @column(lazy("Set aside"), label={"aside": "warning"}, ordering="set_aside_reason")
    def aside(self, prompt: Prompt) -> tuple[str, str] | None:
        return ("aside", note_in_words(prompt.set_aside_reason)[:40]) if prompt.set_aside_reason else None

    @column(lazy("Why set aside"))
    def why_aside(self, prompt: Prompt) -> str:
        return note_in_words(prompt.set_aside_reason) or "-"


class SubmitterAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("prompts__campaign",)
    list_display = (shown("name", lazy("Submitter")), shown("split", lazy("Split")), "prompts")
    list_filter = (OwnSplitFilter,)
    search_fields = ("name",)
    fields = ("name", "split", "prompts")
    readonly_fields = ("prompts",)
    actions_detail: tuple[str, ...] = ()

    @column(lazy("Prompts"), ordering="prompt_count")
    def prompts(self, submitter: Submitter) -> str:
        link = reverse("admin:labeling_prompt_changelist", query={"submitter__id__exact": submitter.pk})
        return format_html('<a href="{}">{}</a>', link, submitter.prompt_count)
