"""A reward model's retraining is asked for: by a person, a program or beat."""

from collections.abc import Mapping
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.db.models import Q

from labeling.base.outbox import Outbox
from labeling.base.refusals import RetrainingRefused
from labeling.base.states import RunState
from labeling.model_versions.models import RewardModel
from labeling.model_versions.queries import watcher_of
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.training.models import TrainingRun
from labeling.training.services.recipes import current_recipe
from labeling.training.services.runs import SEND_AGAIN_AFTER
from rm_trainer.evaluation.figures import Summary

QUEUED_RUNS = Outbox(
    model=TrainingRun,
    waiting=Q(state=RunState.QUEUED),
    task="labeling.tasks.train_reward_model",
    send_again_after=SEND_AGAIN_AFTER,
)


class TrainingOptions(TypedDict, total=False):
    """What TrainingRun.config keeps: options of `python -m rm_trainer train` or `folds`, by their names."""

    learning_rate: float
    rankings_per_batch: int
    epochs: int
    max_length: int
    freeze_embeddings: bool
    lora_rank: int
    strength: str
    label_smoothing: float
    half: str
    checkpoint_every: int
    folds: int


class BothModels(TypedDict, total=False):
    """What TrainingRun.evaluation keeps: figures of the new and of the current model on the same test rankings."""

    new: Summary | None
    current: Summary | None


def request_retraining(
    *,
    trigger: str,
    reward_model: RewardModel | None = None,
    note: str = "",
    include_simulated: bool = False,
    promote_simulated: bool = False,
) -> TrainingRun:
    """A queued run of the reward model, or of the default one, by its latest recipe. Where another reward model watches
    it, a run of that one is queued behind it, as its `watching`.

    What learns from simulated rankings stays a candidate unless `promote_simulated` says otherwise.

    Raises RetrainingRefused while another run of either is under way (a partial unique index holds it, too).
    """
    reward_model = reward_model or default_reward_model()
    asked = {
        "trigger": trigger,
        "trigger_note": note,
        "include_simulated": include_simulated,
        "promote_simulated": promote_simulated,
    }
    with transaction.atomic():
        run = _queued(reward_model, asked)
        if watcher := watcher_of(reward_model):
            _queued(watcher, asked | {"beside": run})
    return run


def _queued(reward_model: RewardModel, asked: Mapping[str, Any]) -> TrainingRun:
    recipe = current_recipe(reward_model)
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(reward_model=reward_model, recipe=recipe, **asked)
    except IntegrityError:
        active = TrainingRun.objects.active().filter(reward_model=reward_model).first()
        raise RetrainingRefused(
            f"Training run {active.pk if active else '?'} is under way; there is never more than one of "
            f"“{reward_model}”. Wait for it, or end it in the admin."
        ) from None
