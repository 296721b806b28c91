"""Which models are in use now, and which was before.

The length of a text in tokens of the current SFT model.

Only the tokenizer's file is read, once in a process for each model; no weights and no torch.
"""

import logging

from django.db.models import QuerySet

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelKind
from labeling.model_versions.models import ModelVersion, Promotion, RewardModel
from lm.errors import UnusableModel
from lm.prompt_tokens import count_text_tokens


def current_reward_model(reward_model: RewardModel | None = None) -> ModelVersion | None:
    """The current version of a reward model, or of the default one; with the snapshot that it was trained on."""
    current = ModelVersion.objects.current(ModelKind.REWARD).select_related("snapshot", "reward_model")
    if reward_model is None:
        return current.filter(reward_model__is_default=True).first()
    return current.filter(reward_model=reward_model).first()


def reward_model_named(slug: str) -> RewardModel:
    """Raises ModelRefused, naming those that there are."""
    found = RewardModel.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(RewardModel.objects.order_by("slug").values_list("slug", flat=True))
        raise ModelRefused(f"There is no reward model “{slug}”; there are: {known or 'none yet'}.")
    return found


def promotions_of(kind: ModelKind, reward_model: RewardModel | None = None) -> QuerySet[Promotion]:
    """What was current when, of the SFT model or of one reward model; the latest first."""
    of_kind = Promotion.objects.filter(version__kind=kind, version__reward_model=reward_model)
    return of_kind.select_related("version", "before__version").order_by("-pk")


def way_back(kind: ModelKind, reward_model: RewardModel | None = None) -> Promotion | None:
    """The promotion whose version is current again after rolling back now; None where nothing was before.

    Promoted A, B, rolled back to A, promoted C: the way back from C leads to A, which was current before it. A version
    that was retired while it was current is passed over.
    """
    latest = promotions_of(kind, reward_model).first()
    return latest.before if latest else None


log = logging.getLogger(__name__)


def tokens_of(text: str) -> int | None:
    """Returns the number of tokens; None when there is no current model, or its tokenizer can't be read."""
    model = current_sft_model()
    if model is None:
        return None
    try:
        return count_text_tokens(model.path, text)
    except (UnusableModel, ValueError) as unusable:
        log.warning("Tokens can't be counted with model version %s: %s", model.pk, unusable)
        return None


def current_sft_model() -> ModelVersion | None:
    """The model that completions are sampled from now."""
    return ModelVersion.objects.current(ModelKind.SFT).first()
