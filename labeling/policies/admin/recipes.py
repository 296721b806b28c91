"""How each stage is trained, and when by itself: an admin saves a new version of its recipe."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, long_text, several, switch, text
from labeling.base.admin.filters import by_choice
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import PolicyRefused
from labeling.base.states import PolicyStage
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.policies.admin.option_labels import LABELS
from labeling.policies.admin.version_choices import reward_versions
from labeling.policies.models import PolicyRecipe
from labeling.policies.rules.options import Value, decided, kind_of
from labeling.policies.services.recipes import change_recipe, current_recipe


def _reward_models() -> list[tuple[str, str]]:
    return [("", "–"), *RewardModel.objects.values_list("slug", "name")]


@admin.register(PolicyRecipe)
class PolicyRecipeAdmin(RecordAdmin):
    list_display = (
        shown("stage", lazy("Stage")),
        shown("version", lazy("Version")),
        shown("starts_itself", lazy("Starts by itself")),
        shown("note", lazy("Note")),
        shown("created_by", lazy("By")),
        shown("created_at", lazy("Created")),
    )
    list_filter = by_choice("stage")
    list_select_related = ("created_by",)
    change_form_outer_before_template = "policies/admin/policy_recipe.html"
    fields = (
        "stage", "version", "base", "reward_model", "ensemble", "watched_reward_model", "starts_itself",
        "after_labels", "note", "created_by", "created_at",
    )  # fmt: skip
    actions_list = ("change_sft", "change_ppo", "change_dpo")

    def page_context(self, request: HttpRequest, recipe: PolicyRecipe) -> dict[str, Any]:
        known = [(LABELS[name], recipe.options.get(name)) for name in decided(recipe.stage)]
        return super().page_context(request, recipe) | {
            "recipe": recipe,
            "lines": [(label, _shown(value)) for label, value in known],
        }

    @column(lazy("Recipe"))
    def name(self, recipe: PolicyRecipe) -> str:
        return str(recipe)

    @button(lazy("Change SFT’s recipe"), icon="tune")
    def change_sft(self, request: HttpRequest) -> HttpResponse:
        return self._change(request, PolicyStage.SFT)

    @button(lazy("Change PPO’s recipe"), icon="tune")
    def change_ppo(self, request: HttpRequest) -> HttpResponse:
        return self._change(request, PolicyStage.PPO)

    @button(lazy("Change DPO’s recipe"), icon="tune")
    def change_dpo(self, request: HttpRequest) -> HttpResponse:
        return self._change(request, PolicyStage.DPO)

    def _change(self, request: HttpRequest, stage: PolicyStage) -> HttpResponse:
        try:
            latest = current_recipe(stage)
        except PolicyRefused as refused:
            messages.error(request, refusal_in_words(refused))
            return HttpResponseRedirect(reverse("admin:labeling_policyrecipe_changelist"))

        def act(cleaned: dict[str, Any]) -> str:
            assert isinstance(request.user, User)  # the admin lets nobody else in
            models: Any = {
                name: RewardModel.objects.filter(slug=cleaned.pop(name)).first()
                for name in ("reward_model", "watched_reward_model")
                if name in cleaned
            }
            if "ensemble" in cleaned:
                models["ensemble"] = ModelVersion.objects.filter(pk__in=cleaned.pop("ensemble"))
            entered = {name: cleaned.pop(name) for name in decided(stage)}
            options = {name: None if value == "" else value for name, value in entered.items()}
            recipe = change_recipe(stage=stage, options=options, by=request.user, **models, **cleaned)
            return _("Recipe %(version)d of %(stage)s holds from the next run on.") % {
                "version": recipe.version,
                "stage": stage.label,
            }

        confirmation = Confirmation(
            title=_("A new version of the recipe of %(stage)s") % {"stage": stage.label},
            consequences=[
                _("Runs that are asked for from now on are trained by it. Each run keeps the version of its day."),
                _("Where each number comes from stands in docs/policy.md."),
            ],
            button=_("Save as a new version"),
            back=reverse("admin:labeling_policyrecipe_changelist"),
            about=[latest],
            form=_form_of(latest),
        )
        return confirm(self, request, confirmation, act)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return "–" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)


def _form_of(recipe: PolicyRecipe) -> Callable[..., forms.Form]:
    """A form with the stage's options, each with what the recipe says now."""
    stage = PolicyStage(recipe.stage)
    fields: dict[str, forms.Field] = {}
    if stage == PolicyStage.SFT:
        fields["base"] = text(lazy("Base"), required=False, help_text=_help("base"))
    if stage == PolicyStage.PPO:
        for name, label in (("reward_model", lazy("Reward model")), ("watched_reward_model", lazy("Watched by"))):
            fields[name] = choice(label, _reward_models, required=False, help_text=_help(name))
        fields["ensemble"] = several(
            lazy("Together with"), partial(reward_versions, recipe.ensemble.all()), help_text=_help("ensemble")
        )
    for name in decided(stage):
        fields[name] = _field(name, kind_of(stage, name))
    fields["starts_itself"] = switch(lazy("Starts by itself"), help_text=_help("starts_itself"))
    if stage != PolicyStage.PPO:
        fields["after_labels"] = forms.IntegerField(
            label=lazy("After new labels"), required=False, min_value=1, widget=UnfoldAdminTextInputWidget(),
            help_text=_help("after_labels"),
        )  # fmt: skip
    fields["note"] = long_text(lazy("Note"), required=False, rows=2)
    first = {name: _initial(recipe, name) for name in fields if name != "note"}
    made: type[forms.Form] = type("RecipeForm", (forms.Form,), fields)
    return partial(made, initial=first)


def _initial(recipe: PolicyRecipe, name: str) -> object:
    if name in recipe.options:
        return recipe.options[name]
    if name == "ensemble":
        return [str(pk) for pk in recipe.ensemble.values_list("pk", flat=True)]
    value = getattr(recipe, name)
    return value.slug if isinstance(value, RewardModel) else value


def _help(name: str) -> Any:
    field: Any = PolicyRecipe._meta.get_field(name)  # noqa: SLF001  (Django's own name)
    return field.help_text


def _field(name: str, kind: type | tuple[str, ...]) -> forms.Field:
    label, flag = LABELS[name], f"--{name.replace('_', '-')}"
    if isinstance(kind, tuple):
        return choice(label, [(word, word) for word in kind], help_text=flag)
    if kind is bool:
        return switch(label, help_text=flag)
    if kind is str:
        return text(label, required=False, help_text=flag)
    made = forms.IntegerField if kind is int else forms.FloatField
    return made(label=label, help_text=flag, required=name != "hours", widget=UnfoldAdminTextInputWidget())
