"""Log-probabilities of what SFT learns."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.prefix_sharing.strategy import Strategy
from lm.training.runtime import Runtime
from policy_trainer.examples import Example
from policy_trainer.log_probs import token_log_probs
from policy_trainer.model import unembedding


def learned_log_probs(
    model: PreTrainedModel, runtime: Runtime, reading: Strategy, examples: Sequence[Example]
) -> Tensor:
    """Log-probability of every learned token, in order, of conversations in one row that don't see each other."""
    learned = torch.cat([one.learned for one in examples])  # [T]; never a sequence's first token
    places = learned.nonzero()[:, 0].to(runtime.device)
    with runtime.autocast():
        hidden = reading.sequence_states(model, [one.ids for one in examples])  # [T, d]
        tokens = torch.cat([one.ids for one in examples]).long().to(runtime.device)[places]
        return token_log_probs(unembedding(model), hidden[places - 1], tokens)
