"""Which models are in use now.

The length of a text in tokens of the current SFT model.

Only the tokenizer's file is read, once in a process for each model; no weights and no torch.
"""

import logging

from labeling.base.states import CheckState, ModelKind
from labeling.model_versions.models import ModelVersion
from lm.errors import UnusableModel
from lm.prompt_tokens import count_text_tokens


def current_reward_model() -> ModelVersion | None:
    """Returns it with the snapshot that it was trained on."""
    return ModelVersion.objects.current(ModelKind.REWARD).select_related("snapshot").first()


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


def why_unusable(model: ModelVersion | None) -> str:
    """Returns why the last worker could not load it; "" where it could, or nobody tried."""
    check = model.last_check if model else None
    return check.failure if check and check.state == CheckState.FAILED else ""


def current_sft_model() -> ModelVersion | None:
    """The model that completions are sampled from now."""
    return ModelVersion.objects.current(ModelKind.SFT).first()
