"""Reward models side by side: what each rewards, when it is retrained, and which version of it is current."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import BaseAdmin, button, column, shown
from labeling.base.states import ModelKind
from labeling.model_versions.admin.rolling_back import roll_back_page
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.queries import current_reward_model, promotions_of
from labeling.model_versions.services.reward_models import change_reward_model, create_reward_model, make_default

PROMOTIONS_SHOWN = 20
FIELDS = ("name", "description", "retrains_itself", "retrain_after_rankings", "retrain_after_days")


class RewardModelForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    class Meta:
        model = RewardModel
        fields = ("slug", *FIELDS)
        labels: ClassVar[dict[str, Any]] = {
            "slug": lazy("Slug"),
            "name": lazy("Name"),
            "description": lazy("Description"),
            "retrains_itself": lazy("Retrain by itself"),
            "retrain_after_rankings": lazy("Retrain after so many rankings"),
            "retrain_after_days": lazy("Retrain after so many days"),
        }


class RewardModelAdmin(BaseAdmin):
    list_display: tuple[Any, ...] = (
        shown("name", lazy("Name")),
        "current",
        "fed_by",
        shown("retrains_itself", lazy("Retrain by itself")),
        "default",
    )
    search_fields = ("name", "slug")
    form = RewardModelForm
    add_fieldsets = ((None, {"fields": ("slug", *FIELDS)}),)
    fieldsets: ClassVar[tuple[Any, ...]] = ((None, {"fields": ("slug", *FIELDS, "fed_by")}),)
    readonly_fields: ClassVar[tuple[Any, ...]] = ("slug", "fed_by")
    warn_unsaved_form = True
    actions_detail: tuple[Any, ...] = ("roll_back", "make_default")

    def get_readonly_fields(self, request: HttpRequest, obj: RewardModel | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: RewardModel, form: Any, change: Any) -> None:  # noqa: ARG002
        cleaned = form.cleaned_data
        if change:
            change_reward_model(reward_model=obj, **{name: cleaned[name] for name in form.changed_data})
        else:
            obj.pk = create_reward_model(**cleaned).pk

    def page_context(self, request: HttpRequest, reward_model: RewardModel) -> dict[str, Any]:
        return super().page_context(request, reward_model) | {
            "reward_model": reward_model,
            "current": current_reward_model(reward_model),
            "promotions": promotions_of(ModelKind.REWARD, reward_model)[:PROMOTIONS_SHOWN],
        }

    def buttons_for(self, row: RewardModel) -> Iterable[str]:
        return ("roll_back",) if row.is_default or row.watches else ("roll_back", "make_default")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RewardModel]:
        current = Prefetch("versions", ModelVersion.objects.current(), to_attr="current_versions")
        found: QuerySet[RewardModel] = super().get_queryset(request)
        return found.select_related("watches", "watcher").prefetch_related(current, "campaigns", "watches__campaigns")

    @column(lazy("Current version"))
    def current(self, reward_model: Any) -> str:
        for version in reward_model.current_versions:
            link = reverse("admin:labeling_modelversion_change", args=[version.pk])
            return format_html('<a href="{}">{}</a>', link, version)
        return "–"

    @column(lazy("Fed by"))
    def fed_by(self, reward_model: RewardModel) -> str:
        return ", ".join(str(campaign) for campaign in reward_model.source.campaigns.all()) or "–"

    @column(lazy("Default"), label={"default": "success"})
    def default(self, reward_model: RewardModel) -> tuple[str, str] | str:
        return ("default", _("Default")) if reward_model.is_default else ""

    @button(lazy("Roll back"), icon="history")
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward_model = self.find(request, object_id)
        return roll_back_page(self, request, ModelKind.REWARD, reward_model, back=self.page_of(reward_model))

    @button(lazy("Make it the default"), icon="star")
    def make_default(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward_model = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            make_default(reward_model=reward_model)
            return _("“%(reward_model)s” is the default reward model.") % {"reward_model": reward_model}

        confirmation = Confirmation(
            title=_("Make “%(reward_model)s” the default reward model?") % {"reward_model": reward_model},
            consequences=[
                _("New campaigns feed it, ranking tasks are scored by its current version, and programs that name no "
                  "reward model get its rewards. Campaigns that are there feed what they fed."),
            ],
            button=_("Make it the default"),
            back=self.page_of(reward_model),
            about=[reward_model],
        )  # fmt: skip
        return confirm(self, request, confirmation, act)
