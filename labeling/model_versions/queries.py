"""Which models are in use now, which was before, and how long a text is to them.

Only the tokenizer's file is read, once in a process for each model; no weights and no torch.
"""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState, ModelKind
from labeling.model_versions.models import ModelVersion, Promotion, RewardModel
from lm.errors import UnusableModel
from lm.model_directory import context_length, trained_length
from lm.prompt_tokens import count_text_tokens, special_tokens_in


def current_reward_model(reward_model: RewardModel | None = None) -> ModelVersion | None:
    """The current version of a reward model, or of the default one; with the snapshot that it was trained on."""
    current = ModelVersion.objects.current(ModelKind.REWARD).select_related("snapshot", "reward_model")
    if reward_model is None:
        return current.filter(reward_model__is_default=True).first()
    return current.filter(reward_model=reward_model).first()


def current_reward_models() -> list[ModelVersion]:
    """The current version of every reward model that has one, the default one's first."""
    current = ModelVersion.objects.current(ModelKind.REWARD).select_related("snapshot", "reward_model")
    return list(current.order_by("-reward_model__is_default", "pk"))


def reward_model_named(slug: str) -> RewardModel:
    """Raises ModelRefused, naming those that there are."""
    found = RewardModel.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(RewardModel.objects.order_by("slug").values_list("slug", flat=True))
        raise ModelRefused(f"There is no reward model “{slug}”; there are: {known or 'none yet'}.")
    return found


def watcher_of(reward_model: RewardModel) -> RewardModel | None:
    """The reward model that learns from the other half of its rankings and watches it in PPO.

    None where none was made for that, or where that one's retraining was switched off.
    """
    return RewardModel.objects.filter(watches=reward_model, retrains_itself=True).first()


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

TURN_TOKENS = 8
"""What chat templates put around an answer that a reward model reads: its turn's end, the sequence's begin and end."""


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


def why_unusable(model: ModelVersion | None) -> str:
    """Returns why the last worker could not load it; "" where it could, or nobody tried."""
    check = model.last_check if model else None
    return check.failure if check and check.state == CheckState.FAILED else ""


def special_tokens_of(model: ModelVersion | None, text: str) -> list[str]:
    """Returns the names of the model's special tokens that stand in a text, each once: `<|im_end|>`.

    To the model they are letters like all others, but to programs that read an export they may be the tokens.
    """
    if model is None:
        return []
    try:
        return special_tokens_in(model.path, text)
    except (UnusableModel, ValueError) as unusable:
        log.warning("Special tokens of model version %s are not known: %s", model.pk, unusable)
        return []


@dataclass(frozen=True, kw_only=True)
class TooLong:
    """A text that the trainer of the reward model would leave out: its tokens, and what the model reads at most."""

    tokens: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class AnswerLimit:
    """How many tokens of an answer (a completion or a demonstration) the reward model reads, whatever its prompt."""

    model: ModelVersion
    tokens: int

    def exceeded_by(self, answer: str) -> TooLong | None:
        # A token is a byte or more, so most answers need no tokenizer.
        if len(answer.encode()) <= self.tokens:
            return None
        try:
            tokens = count_text_tokens(self.model.path, answer)
        except (UnusableModel, ValueError) as unusable:
            log.warning("Tokens can't be counted with model version %s: %s", self.model.pk, unusable)
            return None
        return TooLong(tokens=tokens, limit=self.tokens) if tokens > self.tokens else None


def answer_limit() -> AnswerLimit | None:
    """Of the current reward model, before the first one of the model that it will be made of.

    None where there is neither, or where it can't be read.
    """
    model = current_reward_model() or current_sft_model()
    if model is None:
        return None
    try:
        return AnswerLimit(model=model, tokens=_reading_limit(model) - TURN_TOKENS)
    except (UnusableModel, ValueError) as unusable:
        log.warning("What model version %s reads is not known: %s", model.pk, unusable)
        return None


def too_long_to_learn_from(answer: str) -> TooLong | None:
    """Whether an answer is longer than the reward model reads."""
    limit = answer_limit()
    return limit.exceeded_by(answer) if limit else None


def _reading_limit(model: ModelVersion) -> int:
    """Tokens of a prompt with its completion: what a reward model was trained with, or what the next one will be."""
    context = context_length(model.path)
    if model.kind == ModelKind.REWARD:
        return min(context, trained_length(model.path) or _length_of_the_recipe())
    return min(context, _length_of_the_recipe())


def _length_of_the_recipe() -> int:
    """What the next version of the default reward model will be trained with."""
    recipes = RewardModel.objects.filter(is_default=True, recipes__isnull=False).order_by("-recipes__version")
    length: int | None = recipes.values_list("recipes__max_length", flat=True).first()
    return length or int(settings.RM_MAX_LENGTH)


def current_sft_model() -> ModelVersion | None:
    """The model that completions are sampled from now."""
    return ModelVersion.objects.current(ModelKind.SFT).first()
