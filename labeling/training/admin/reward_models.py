"""How a reward model is trained: its recipe, which an admin changes, and its runs; for the reward model's page."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrPromise
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import long_text, switch
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, shown
from labeling.model_versions.models import RewardModel
from labeling.training.admin.sentences import promotions_in_words
from labeling.training.models import TrainingRecipe
from labeling.training.services.recipes import DECIDED, change_recipe, current_recipe
from labeling.training.services.requesting import QUEUED_RUNS
from labeling.training.services.watching import have_watched

RUNS_SHOWN = 10

LABELS: dict[str, StrPromise] = {
    "base": lazy("Base"),
    "learning_rate": lazy("Learning rate"),
    "rankings_per_batch": lazy("Rankings per batch"),
    "epochs": lazy("Epochs"),
    "max_length": lazy("Longest text, in tokens"),
    "freeze_embeddings": lazy("Freeze the embeddings"),
    "lora_rank": lazy("Rank of the adapters"),
    "strength": lazy("How much better, in training"),
    "label_smoothing": lazy("Label smoothing"),
    "half": lazy("Learns from"),
    "note": lazy("Note"),
}


class RecipeForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    class Meta:
        model = TrainingRecipe
        fields = (*DECIDED, "note")
        labels = LABELS
        widgets: ClassVar[dict[str, Any]] = {name: UnfoldAdminTextInputWidget() for name in DECIDED} | {
            "freeze_embeddings": UnfoldBooleanSwitchWidget(),
            "strength": UnfoldAdminSelectWidget(),
            "half": UnfoldAdminSelectWidget(),
            "note": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }


class LearnsFromForm(forms.Form):
    """What a training is asked for with."""

    note = long_text(lazy("Note"), required=False, rows=2, help_text=lazy("Why now, for whoever looks at it later."))
    include_simulated = switch(
        lazy("Learn from simulated rankings too"),
        help_text=lazy("For demos only: what comes of it follows a preset rule, not people. It stays a candidate."),
    )
    promote_simulated = switch(
        lazy("Let it become current though it learns from simulated rankings"),
        help_text=lazy("If the rule of promotion says so."),
    )


class TrainedByRecipes(BaseAdmin):
    change_form_outer_before_template = "training/admin/reward_model.html"

    def page_context(self, request: HttpRequest, reward_model: RewardModel) -> dict[str, Any]:
        recipe = current_recipe(reward_model)
        context = super().page_context(request, reward_model)
        return context | {
            "promotions": promotions_in_words(context["promotions"]),
            "recipe": recipe,
            "recipe_lines": [(LABELS[name], _value(recipe, name)) for name in DECIDED],
            "recipes": reward_model.recipes.select_related("created_by").order_by("-version"),
            "runs": reward_model.training_runs.select_related("model_version", "recipe").order_by("-id")[:RUNS_SHOWN],
        }

    def buttons_for(self, row: RewardModel) -> Any:
        alone = row.watches is None and not hasattr(row, "watcher")
        return ["change_recipe", *(["have_watched"] if alone else []), *super().buttons_for(row)]

    @button(lazy("Have it watched"), icon="visibility")
    def have_watched(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward_model = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            assert isinstance(request.user, User)  # the admin lets nobody else in
            run = have_watched(reward_model=reward_model, by=request.user, trigger="manual", **cleaned)
            QUEUED_RUNS.send()
            return _("Training runs %(first)d and %(second)d were asked for, one of each half.") % {
                "first": run.pk,
                "second": run.watching.pk,
            }

        confirmation = Confirmation(
            title=_("Have “%(reward_model)s” watched by a second model?") % {"reward_model": reward_model},
            consequences=[
                _("From now on it learns from one half of the prompts of the campaigns that feed it. A new reward "
                  "model learns from the other half and watches: when PPO pleases the first one alone, it sees that."),
                _("Both are trained now, and always together from then on. Each has its recipe, its versions and its "
                  "current one. Half of the rankings are fewer rankings: expect a version that is a little less "
                  "accurate."),
            ],
            button=_("Have it watched"),
            back=self.page_of(reward_model),
            about=[reward_model],
            form=LearnsFromForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Change the recipe"), icon="tune", primary=True)
    def change_recipe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward_model = self.find(request, object_id)
        latest = current_recipe(reward_model)

        def act(cleaned: dict[str, Any]) -> str:
            assert isinstance(request.user, User)  # the admin lets nobody else in
            note = cleaned.pop("note")
            recipe = change_recipe(reward_model=reward_model, by=request.user, note=note, **cleaned)
            return _("Recipe %(version)d of “%(reward_model)s” holds from the next run on.") % {
                "version": recipe.version,
                "reward_model": reward_model,
            }

        confirmation = Confirmation(
            title=_("A new version of the recipe of “%(reward_model)s”") % {"reward_model": reward_model},
            consequences=[
                _("Runs that are asked for from now on are trained by it. Each run keeps the version of its day.")
            ],
            button=_("Save as a new version"),
            back=self.page_of(reward_model),
            about=[reward_model],
            form=partial(RecipeForm, initial={name: getattr(latest, name) for name in DECIDED}),
        )
        return confirm(self, request, confirmation, act)


def _value(recipe: TrainingRecipe, name: str) -> str:
    value = getattr(recipe, name)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if name == "base":
        return value or _("the SFT model that is current then")
    word = getattr(recipe, f"get_{name}_display", None)
    return str(word() if word else f"{value:g}")


@admin.register(TrainingRecipe)
class TrainingRecipeAdmin(RecordAdmin):
    list_display = (
        "__str__",
        shown("note", lazy("Note")),
        shown("created_by", lazy("By")),
        shown("created_at", lazy("Created")),
    )
    list_select_related = ("reward_model", "created_by")
    fields = ("reward_model", "version", *DECIDED, "note", "created_by", "created_at")
