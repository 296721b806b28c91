"""Reward models: the default one, made, renamed, their schedule changed."""

from typing import Any

from django.db import transaction

from labeling.base.refusals import ModelRefused
from labeling.model_versions.models import RewardModel


@transaction.atomic
def default_reward_model() -> RewardModel:
    """The one that new campaigns feed and that programs get who name none; made where there is none yet."""
    reward_model, _ = RewardModel.objects.get_or_create(
        is_default=True, defaults={"slug": "reward", "name": "Reward model"}
    )
    return reward_model


@transaction.atomic
def create_reward_model(**fields: Any) -> RewardModel:
    """One more reward model, which no campaign feeds yet. Raises ValidationError: a taken slug, no name."""
    reward_model = RewardModel(**fields)
    reward_model.full_clean()
    reward_model.save()
    return reward_model


@transaction.atomic
def change_reward_model(*, reward_model: RewardModel, **fields: Any) -> None:
    """Changes its words and its schedule. Raises ValidationError."""
    reward_model = RewardModel.objects.select_for_update(no_key=True).get(pk=reward_model.pk)
    for name, value in fields.items():
        setattr(reward_model, name, value)
    reward_model.full_clean()
    reward_model.save(update_fields=list(fields))


@transaction.atomic
def make_default(*, reward_model: RewardModel) -> None:
    """From now on new campaigns feed it, and programs that name none get its rewards.

    Raises ModelRefused for one that watches another: no campaign feeds it.
    """
    if reward_model.watches is not None:
        raise ModelRefused(f"“{reward_model}” watches “{reward_model.watches}” and is fed by no campaign of its own.")
    list(RewardModel.objects.select_for_update().order_by("pk"))
    RewardModel.objects.filter(is_default=True).update(is_default=False)
    RewardModel.objects.filter(pk=reward_model.pk).update(is_default=True)
