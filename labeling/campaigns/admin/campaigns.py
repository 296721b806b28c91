"""Campaigns: described, opened and closed, with new versions of what labelers are told."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.columns import bar, measured_per
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, yes_or_no
from labeling.base.admin.model_admins import button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.language import names_of
from labeling.base.states import CampaignStage, CampaignState, legal_moves
from labeling.campaigns.admin.campaign_forms import FIELDSETS, NEW_FIELDSETS, CampaignForm, NewCampaignForm
from labeling.campaigns.admin.version_forms import BODY_FIELDS, InstructionsForm, PublishRubricForm, written_bodies
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.campaigns import (
    change_campaign,
    change_campaign_state,
    create_campaign,
    publish_instructions,
    publish_rubric,
    set_managers,
)
from labeling.people.roles.queries import managers_there_are, sees_every_campaign


class ManagersForm(forms.Form):
    managers: forms.ModelMultipleChoiceField[User] = forms.ModelMultipleChoiceField(
        label=lazy("Campaign managers"),
        queryset=None,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["managers"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = managers_there_are()


class CampaignAdmin(OfCampaigns):
    campaign_paths = ("pk",)
    list_display: tuple[Any, ...] = (
        shown("name", lazy("Name")),
        "show_state",
        "whose",
        "languages_in_short",
        shown("priority", lazy("Priority")),
        "prompts",
        "demonstrations",
    )
    list_filter = (*by_choice("state", "stage"), *yes_or_no("simulated"))
    search_fields = ("name", "slug")
    add_fieldsets = NEW_FIELDSETS
    fieldsets: ClassVar[tuple[Any, ...]] = tuple(FIELDSETS)
    change_form_outer_before_template = "campaigns/admin/campaign.html"
    warn_unsaved_form = True
    actions_detail: tuple[Any, ...] = (
        "open",
        "pause",
        {"title": lazy("Publish"), "icon": "menu_book", "items": ["publish_instructions", "publish_rubric"]},
        "choose_managers",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Adds prompt_count and demonstrations_done / _wanted; of what is set aside only what was done counts."""
        prompts = Prompt.objects.filter(campaign=OuterRef("pk"))
        wanted = Sum("demonstrations_needed", filter=Q(set_aside_reason=""))
        found: QuerySet[Campaign] = super().get_queryset(request)
        return found.annotate(
            prompt_count=measured_per("campaign", prompts, Count("pk")),
            demonstrations_done=measured_per("campaign", prompts, Sum("demonstrations_done")),
            demonstrations_wanted=measured_per("campaign", prompts, wanted),
        )

    def get_form(self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = CampaignForm if obj else NewCampaignForm
        return super().get_form(request, obj, change, **kwargs | {"form": form})

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        """The stage is chosen once."""
        return (*super().get_readonly_fields(request, obj), *(["stage"] if obj else []))

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: Any) -> None:
        cleaned = form.cleaned_data
        if change:
            changed = [name for name in form.changed_data if name != "apply_to_existing"]
            change_campaign(campaign=obj, **{name: cleaned[name] for name in changed})
            return
        beside = {"flags", *BODY_FIELDS.values()}
        fields = {name: value for name, value in cleaned.items() if name not in beside}
        # A campaign manager would otherwise not find what they made.
        maker = request.user
        assert isinstance(maker, User)  # the admin lets nobody else in
        managers = [] if sees_every_campaign(maker) else [maker]
        obj.pk = create_campaign(
            instructions=written_bodies(cleaned), flags=cleaned["flags"], managers=managers, **fields
        ).pk

    def page_context(self, request: HttpRequest, campaign: Any) -> dict[str, Any]:
        return super().page_context(request, campaign) | {
            "campaign": campaign,
            "demonstrations": bar(campaign.demonstrations_done, campaign.demonstrations_wanted),
            "instruction_versions": campaign.instruction_versions.order_by("-version"),
            "rubric_versions": campaign.rubric_versions.order_by("-version"),
            "state_colour": STATE_COLOURS[campaign.state],
        }

    def buttons_for(self, row: Campaign) -> Iterable[str]:
        moves = {CampaignState.ACTIVE: "open", CampaignState.PAUSED: "pause"}
        possible = [moves[CampaignState(state)] for state in legal_moves(CampaignState(row.state)) if state in moves]
        return [*possible, "publish_instructions", "publish_rubric", "choose_managers"]

    def has_choose_managers_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        """Whoever may change accounts says what they may do."""
        return request.user.has_perm("auth.change_user")

    @button(lazy("Managers"), icon="supervisor_account", permission="choose_managers")
    def choose_managers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            set_managers(campaign=campaign, managers=cleaned["managers"])
            names = ", ".join(str(user) for user in cleaned["managers"])
            return _("“%(campaign)s” is managed by: %(names)s.") % {"campaign": campaign, "names": names or _("nobody")}

        confirmation = Confirmation(
            title=_("Who manages “%(campaign)s”?") % {"campaign": campaign},
            consequences=[
                _("Campaign managers see and change their own campaigns and what belongs to them, and no others."),
                _("Whoever is missing here gets the role on the page of their account."),
            ],
            button=_("Save"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(ManagersForm, initial={"managers": campaign.managers.all()}),
        )
        return confirm(self, request, confirmation, act)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, campaign: Campaign) -> tuple[str, str]:
        return state_label(campaign)

    @column(lazy("Whose"), label={"simulated": "warning", "screening": "info", "practice": "info"}, ordering="stage")
    def whose(self, campaign: Campaign) -> tuple[str, str] | str:
        if campaign.simulated:
            return "simulated", _("Simulated labelers")
        return (campaign.stage, campaign.get_stage_display()) if campaign.stage != CampaignStage.WORK else ""

    @column(lazy("Languages"))
    def languages_in_short(self, campaign: Campaign) -> str:
        return names_of(campaign.languages)

    @column(lazy("Prompts"), ordering="prompt_count")
    def prompts(self, campaign: Any) -> str:
        link = reverse("admin:labeling_prompt_changelist", query={"campaign__id__exact": campaign.pk})
        return format_html('<a href="{}">{}</a>', link, f"{campaign.prompt_count:,}")

    @column(lazy("Demonstrations"), ordering="demonstrations_done")
    def demonstrations(self, campaign: Any) -> str:
        return bar(campaign.demonstrations_done, campaign.demonstrations_wanted)

    @button(lazy("Open to labelers"), icon="play_arrow", primary=True)
    def open(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_state(
            request,
            object_id,
            CampaignState.ACTIVE,
            title=_("Open “%(campaign)s” to labelers?"),
            consequences=[_("Labelers who know one of its languages get work from it with their next task.")],
            button=_("Open to labelers"),
            said=_("“%(campaign)s” is open."),
        )

    @button(lazy("Pause"), icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_state(
            request,
            object_id,
            CampaignState.PAUSED,
            title=_("Pause “%(campaign)s”?"),
            consequences=[_("No new work is handed out. What labelers hold now they may finish and hand in.")],
            button=_("Pause"),
            said=_("“%(campaign)s” is paused."),
        )

    def _confirm_state(
        self,
        request: HttpRequest,
        object_id: str,
        state: CampaignState,
        *,
        title: str,
        consequences: list[StrOrPromise],
        button: str,
        said: str,
    ) -> HttpResponse:
        campaign = self.find(request, object_id)
        named = {"campaign": campaign}

        def act(_cleaned: dict[str, Any]) -> str:
            change_campaign_state(campaign=campaign, state=state)
            return said % named

        confirmation = Confirmation(
            title=title % named,
            consequences=consequences,
            button=button,
            back=self.page_of(campaign),
            about=[campaign],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("New instructions"), icon="menu_book")
    def publish_instructions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)
        latest = campaign.instruction_versions.order_by("-version").first()
        body = latest.body if latest else {}

        def act(cleaned: dict[str, Any]) -> str:
            version = publish_instructions(campaign=campaign, body=written_bodies(cleaned))
            return _("Version %(version)d of the instructions is published.") % {"version": version.version}

        confirmation = Confirmation(
            title=_("A new version of the instructions of “%(campaign)s”") % {"campaign": campaign},
            consequences=[
                _("Work claimed from now on is done under it. What was labeled before keeps the version of its day.")
            ],
            button=_("Publish"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(InstructionsForm, initial={field: body.get(code, "") for code, field in BODY_FIELDS.items()}),
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("New rubric"), icon="flag")
    def publish_rubric(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)
        latest = campaign.rubric_versions.order_by("-version").first()

        def act(cleaned: dict[str, Any]) -> str:
            version = publish_rubric(campaign=campaign, flags=cleaned["flags"])
            return _("Version %(version)d of the rubric is published.") % {"version": version.version}

        confirmation = Confirmation(
            title=_("A new version of the rubric of “%(campaign)s”") % {"campaign": campaign},
            consequences=[
                _("Work claimed from now on is flagged by it. What was labeled before keeps the version of its day.")
            ],
            button=_("Publish"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(PublishRubricForm, initial={"flags": latest.flags if latest else []}),
        )
        return confirm(self, request, confirmation, act)
