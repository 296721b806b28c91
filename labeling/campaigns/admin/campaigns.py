"""Campaigns: described, opened and closed, told anew what labelers are told; and the way in for prompts."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.base.admin.columns import bar
from labeling.base.admin.confirmation import NothingToFill, Question, ask
from labeling.base.admin.fields import BODY_FIELDS, InstructionsForm, written_bodies
from labeling.base.admin.filters import by_choice
from labeling.base.admin.nouns import NounAdmin, RecordAdmin, column, door, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import render_markdown
from labeling.base.states import CampaignState, legal_moves
from labeling.campaigns.admin.campaign_forms import (
    FIELDSETS,
    NEW_FIELDSETS,
    CampaignForm,
    NewCampaignForm,
    PublishRubricForm,
)
from labeling.campaigns.models.campaigns import Campaign, InstructionVersion, RubricVersion
from labeling.campaigns.services.campaigns import (
    change_campaign,
    change_campaign_state,
    create_campaign,
    publish_instructions,
    publish_rubric,
)
from labeling.console.queries.lists import campaigns_with_progress
from labeling.desk.queries.work import flags_of
from labeling.imports.admin.prompt_import import import_prompts


@admin.register(Campaign)
class CampaignAdmin(NounAdmin):
    list_display = (
        shown("name", lazy("Name")),
        "show_state",
        "languages_in_short",
        shown("priority", lazy("Priority")),
        "prompts",
        "demonstrations",
        "rankings",
        "ready",
    )
    list_filter = by_choice("state")
    search_fields = ("name", "slug")
    add_fieldsets = NEW_FIELDSETS
    fieldsets = FIELDSETS
    change_form_outer_before_template = "campaigns/admin/campaign.html"
    warn_unsaved_form = True
    actions_detail = (
        "open",
        "pause",
        "close",
        {"title": lazy("Publish"), "icon": "menu_book", "items": ["publish_instructions", "publish_rubric"]},
        "import_prompts",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return campaigns_with_progress(super().get_queryset(request))

    def get_form(self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = CampaignForm if obj else NewCampaignForm
        return super().get_form(request, obj, change, **kwargs | {"form": form})

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: Any) -> None:  # noqa: ARG002
        cleaned = form.cleaned_data
        if change:
            change_campaign(campaign=obj, **{name: cleaned[name] for name in form.changed_data})
            return
        beside = {"flags", *BODY_FIELDS.values()}
        fields = {name: value for name, value in cleaned.items() if name not in beside}
        obj.pk = create_campaign(instructions=written_bodies(cleaned), flags=cleaned["flags"], **fields).pk

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        campaign = self.find(request, object_id)
        return super().change_view(
            request,
            object_id,
            form_url,
            (extra_context or {})
            | {
                "campaign": campaign,
                "demonstrations": bar(campaign.demonstrations_done, campaign.demonstrations_wanted),
                "rankings": bar(campaign.rankings_done, campaign.rankings_wanted),
                "instruction_versions": campaign.instruction_versions.order_by("-version"),
                "rubric_versions": campaign.rubric_versions.order_by("-version"),
                "state_colour": STATE_COLOURS[campaign.state],
            },
        )

    def sensible_doors(self, row: Campaign) -> Iterable[str]:
        moves = {CampaignState.ACTIVE: "open", CampaignState.PAUSED: "pause", CampaignState.CLOSED: "close"}
        possible = [moves[CampaignState(state)] for state in legal_moves(CampaignState(row.state))]
        return [*possible, "import_prompts", "publish_instructions", "publish_rubric"]

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, campaign: Campaign) -> tuple[str, str]:
        return state_label(campaign)

    @column(lazy("Languages"))
    def languages_in_short(self, campaign: Campaign) -> str:
        return ", ".join(campaign.languages)

    @column(lazy("Prompts"), ordering="prompt_count")
    def prompts(self, campaign: Any) -> str:
        link = reverse("admin:labeling_prompt_changelist", query={"campaign__id__exact": campaign.pk})
        return format_html('<a href="{}">{}</a>', link, f"{campaign.prompt_count:,}")

    @column(lazy("Demonstrations"), ordering="demonstrations_done")
    def demonstrations(self, campaign: Any) -> str:
        return bar(campaign.demonstrations_done, campaign.demonstrations_wanted)

    @column(lazy("Rankings"), ordering="rankings_done")
    def rankings(self, campaign: Any) -> str:
        return bar(campaign.rankings_done, campaign.rankings_wanted)

    @column(lazy("Tasks ready"), ordering="tasks_ready")
    def ready(self, campaign: Any) -> str:
        return f"{campaign.tasks_ready:,}"

    @door(lazy("Open to labelers"), icon="play_arrow", primary=True)
    def open(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask_state(
            request,
            object_id,
            CampaignState.ACTIVE,
            title=_("Open “%(campaign)s” to labelers?"),
            consequences=[_("Labelers who know one of its languages get work from it with their next task.")],
            button=_("Open to labelers"),
            said=_("“%(campaign)s” is open."),
        )

    @door(lazy("Pause"), icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask_state(
            request,
            object_id,
            CampaignState.PAUSED,
            title=_("Pause “%(campaign)s”?"),
            consequences=[_("No new work is handed out. What labelers hold now they may finish and hand in.")],
            button=_("Pause"),
            said=_("“%(campaign)s” is paused."),
        )

    @door(lazy("Close"), icon="stop")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        held = self.find(request, object_id).assignments.filter(state="open").count()
        return self._ask_state(
            request,
            object_id,
            CampaignState.CLOSED,
            title=_("Close “%(campaign)s”?"),
            consequences=[
                _("No work is handed out or taken any more. Closed campaigns can be reopened, paused at first."),
                ngettext(
                    "%(count)d piece of work is held now; it goes back and its draft is kept.",
                    "%(count)d pieces of work are held now; they go back and their drafts are kept.",
                    held,
                )
                % {"count": held},
            ],
            button=_("Close"),
            said=_("“%(campaign)s” is closed."),
            danger=True,
        )

    def _ask_state(
        self,
        request: HttpRequest,
        object_id: str,
        state: CampaignState,
        *,
        title: str,
        consequences: list[StrOrPromise],
        button: str,
        said: str,
        danger: bool = False,
    ) -> HttpResponse:
        campaign = self.find(request, object_id)
        named = {"campaign": campaign}

        def answer(_cleaned: dict[str, Any]) -> str:
            change_campaign_state(campaign=campaign, state=state)
            return said % named

        question = Question(
            title=title % named,
            consequences=consequences,
            button=button,
            back=self.page_of(campaign),
            about=[campaign],
            form=NothingToFill,
            danger=danger,
        )
        return ask(self, request, question, answer)

    @door(lazy("New instructions"), icon="menu_book")
    def publish_instructions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)
        latest = campaign.instruction_versions.order_by("-version").first()
        body = latest.body if latest else {}

        def answer(cleaned: dict[str, Any]) -> str:
            version = publish_instructions(campaign=campaign, body=written_bodies(cleaned))
            return _("Version %(version)d of the instructions is published.") % {"version": version.version}

        question = Question(
            title=_("A new version of the instructions of “%(campaign)s”") % {"campaign": campaign},
            consequences=[
                _("Work claimed from now on is done under it. What was labeled before keeps the version of its day.")
            ],
            button=_("Publish"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(InstructionsForm, initial={field: body.get(code, "") for code, field in BODY_FIELDS.items()}),
        )
        return ask(self, request, question, answer)

    @door(lazy("New rubric"), icon="flag")
    def publish_rubric(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)
        latest = campaign.rubric_versions.order_by("-version").first()

        def answer(cleaned: dict[str, Any]) -> str:
            version = publish_rubric(campaign=campaign, flags=cleaned["flags"])
            return _("Version %(version)d of the rubric is published.") % {"version": version.version}

        question = Question(
            title=_("A new version of the rubric of “%(campaign)s”") % {"campaign": campaign},
            consequences=[
                _("Work claimed from now on is flagged by it. What was labeled before keeps the version of its day.")
            ],
            button=_("Publish"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(PublishRubricForm, initial={"flags": latest.flags if latest else []}),
        )
        return ask(self, request, question, answer)

    @door(lazy("Import prompts"), icon="upload_file", primary=True)
    def import_prompts(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return import_prompts(self, request, self.find(request, object_id))


@admin.register(InstructionVersion)
class InstructionVersionAdmin(RecordAdmin):
    list_display = ("__str__", shown("campaign", lazy("Campaign")), shown("published_at", lazy("Published")))
    list_select_related = ("campaign",)
    fields = ("campaign", "version", "published_at", "text_en", "text_zh")
    readonly_fields = ("text_en", "text_zh")

    @column("English")
    def text_en(self, version: InstructionVersion) -> str:
        return _prose(version.body.get("en", ""))

    @column("简体中文")
    def text_zh(self, version: InstructionVersion) -> str:
        return _prose(version.body.get("zh-hans", ""))


@admin.register(RubricVersion)
class RubricVersionAdmin(RecordAdmin):
    list_display = ("__str__", shown("campaign", lazy("Campaign")), shown("published_at", lazy("Published")))
    list_select_related = ("campaign",)
    fields = ("campaign", "version", "published_at", "flag_list")
    readonly_fields = ("flag_list",)

    @column(lazy("Flags"))
    def flag_list(self, version: RubricVersion) -> str:
        flags = flags_of(version, get_language() or "en")
        return render_to_string("desk/ranking/admin/flags.html", {"flags": flags})


def _prose(markdown: str) -> str:
    return format_html('<div class="cc-prose">{}</div>', mark_safe(render_markdown(markdown, headings_from=3)))  # noqa: S308
