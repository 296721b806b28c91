"""A reward model gets a watcher: another one that learns from the half of its rankings which it doesn't see itself.

Of two models that are made of the same labels both like the same mistakes, so that neither would see a policy that
makes them (Bai et al. 2022, §4.2; docs/policy.md).
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from labeling.base.refusals import RetrainingRefused
from labeling.base.states import Half
from labeling.model_versions.models import RewardModel
from labeling.model_versions.services.reward_models import create_reward_model
from labeling.training.models import TrainingRecipe, TrainingRun
from labeling.training.services.recipes import DECIDED, change_recipe
from labeling.training.services.requesting import request_retraining


@transaction.atomic
def have_watched(*, reward_model: RewardModel, by: User | None = None, **options: Any) -> TrainingRun:
    """Makes the watcher, gives each of the two its half, and asks for the training of both; returns the run of the
    first half, whose `watching` is the other's. `options` are those of `request_retraining`.

    Raises RetrainingRefused: it has a watcher or is one, or a retraining is under way.
    """
    if reward_model.watches is not None:
        raise RetrainingRefused(f"“{reward_model}” watches “{reward_model.watches}” and can't be watched itself.")
    if known := RewardModel.objects.filter(watches=reward_model).first():
        raise RetrainingRefused(
            f"“{known}” watches “{reward_model}” already. While it retrains by itself, both are trained together."
        )
    recipe = change_recipe(reward_model=reward_model, by=by, half=Half.FIRST, note=gettext("It is watched."))
    watcher = _watcher_of(reward_model)
    same: dict[str, Any] = {name: getattr(recipe, name) for name in DECIDED} | {"half": Half.SECOND}
    TrainingRecipe.objects.create(reward_model=watcher, version=1, created_by=by, **same)
    return request_retraining(reward_model=reward_model, **options)


def _watcher_of(reward_model: RewardModel) -> RewardModel:
    slug = f"{reward_model.slug[:40]}-watching"
    try:
        return create_reward_model(
            slug=slug, name=gettext("%(name)s, watching") % {"name": reward_model}, watches=reward_model
        )
    except ValidationError as taken:
        raise RetrainingRefused(f"No watcher can be called {slug}: {' '.join(taken.messages)}") from taken
