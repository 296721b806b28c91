"""How long a text is for the model that learns from it: counted by the tokenizer of the current SFT model.

Only the tokenizer's file is read, once in a process for each model; no weights and no torch.
"""

import logging

from labeling.services.sampling import current_sft_model
from lm.errors import UnusableModel
from lm.prompt_tokens import count_text_tokens

log = logging.getLogger(__name__)


def tokens_of(text: str) -> int | None:
    """None when there is no current model, or its tokenizer can't be read."""
    model = current_sft_model()
    if model is None:
        return None
    try:
        return count_text_tokens(model.path, text)
    except (UnusableModel, ValueError) as unusable:
        log.warning("Tokens can't be counted with model version %s: %s", model.pk, unusable)
        return None
