"""How reward models are trained: recipes, which an admin changes and every run keeps."""

from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from labeling.model_versions.models import RewardModel
from labeling.training.models import TrainingRecipe

DECIDED = (
    "base",
    "learning_rate",
    "rankings_per_batch",
    "epochs",
    "max_length",
    "freeze_embeddings",
    "lora_rank",
    "strength",
    "label_smoothing",
    "half",
)
"""What a recipe decides, by the names of its columns; all but `base` are options of rm_trainer."""


class FirstRecipe(TypedDict):
    """What the settings say of training."""

    base: str
    learning_rate: float
    rankings_per_batch: int
    epochs: int
    max_length: int
    freeze_embeddings: bool


def first_recipe() -> FirstRecipe:
    """Returns what a new reward model is trained by, before anybody changes it: the settings."""
    return FirstRecipe(
        base=settings.RM_BASE_MODEL_PATH,
        learning_rate=settings.RM_LEARNING_RATE,
        rankings_per_batch=settings.RM_BATCH_RANKINGS,
        epochs=settings.RM_EPOCHS,
        max_length=settings.RM_MAX_LENGTH,
        freeze_embeddings=settings.RM_FREEZE_EMBEDDINGS,
    )


@transaction.atomic
def current_recipe(reward_model: RewardModel) -> TrainingRecipe:
    """The reward model's latest recipe. The first one is made of the settings, when it is first asked for."""
    RewardModel.objects.select_for_update(no_key=True).get(pk=reward_model.pk)
    latest = reward_model.recipes.order_by("-version").first()
    if latest is not None:
        return latest
    return TrainingRecipe.objects.create(reward_model=reward_model, version=1, **first_recipe())


@transaction.atomic
def change_recipe(
    *, reward_model: RewardModel, by: User | None = None, note: str = "", **changes: Any
) -> TrainingRecipe:
    """A new version of the recipe, by which the next run is trained. `changes` are of DECIDED; the rest stays.

    Raises ValidationError: a value out of its range.
    """
    latest = current_recipe(reward_model)
    values = {name: getattr(latest, name) for name in DECIDED} | changes
    recipe = TrainingRecipe(reward_model=reward_model, version=latest.version + 1, note=note, created_by=by, **values)
    recipe.full_clean()
    recipe.save()
    return recipe
