"""Log-probabilities of tokens under a language model, the vocabulary's logits never in memory for more than a part.

Logits are divided by the temperature before the softmax, in the policy and the reference alike: what is learned is the
distribution that was sampled from.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy
from policy_trainer.model import unembedding

LOGITS_AT_ONCE = 2**27
"""Numbers, half a gigabyte of float32. Where there are more, each part's logits are made again in the backward pass."""


def completion_log_probs(
    model: PreTrainedModel, reading: Strategy, prompts: Sequence[SharedPrompt], *, temperature: float = 1.0
) -> Tensor:
    """Log-probability of every completion token, in order: [ΣC] float32. Each prompt is read once."""
    hidden = reading.predicting_states(model, prompts)  # [ΣC, d]
    return token_log_probs(unembedding(model), hidden, completion_tokens(prompts).to(hidden.device), temperature)


def completion_entropies(
    model: PreTrainedModel, reading: Strategy, prompts: Sequence[SharedPrompt], *, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities, and the entropy of what each token was drawn from, in nats: [ΣC], [ΣC]; without gradients."""
    with torch.no_grad():
        hidden = reading.predicting_states(model, prompts)
        tokens = completion_tokens(prompts).to(hidden.device)
        head, found = unembedding(model), []
        for states, own in _parts(head, hidden, tokens):
            logs = (head(states).float() / temperature).log_softmax(dim=-1)  # [n, V]
            found.append((logs.gather(1, own[:, None])[:, 0], -(logs.exp() * logs).sum(dim=-1)))
    log_probs, entropies = zip(*found, strict=True)
    return torch.cat(log_probs), torch.cat(entropies)


def completion_tokens(prompts: Sequence[SharedPrompt]) -> Tensor:
    """All completions' tokens one after another: [ΣC] int64."""
    return torch.cat([one.ids[one.prefix :] for one in prompts]).long()


def token_log_probs(head: nn.Module, hidden: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability of tokens [N] by the states [N, d] that predict them: [N] float32."""
    parts = _parts(head, hidden, tokens)
    if len(parts) > 1 and torch.is_grad_enabled():
        found = [checkpoint(_of_part, head, states, own, temperature, use_reentrant=False) for states, own in parts]
    else:
        found = [_of_part(head, states, own, temperature) for states, own in parts]
    return torch.cat(found)


def _parts(head: nn.Module, hidden: Tensor, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
    size = max(1, LOGITS_AT_ONCE // len(cast("Tensor", head.weight)))
    return list(zip(torch.split(hidden, size), torch.split(tokens, size), strict=True))


def _of_part(head: nn.Module, states: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    logits = head(states).float()  # [n, V]
    return -cross_entropy(logits if temperature == 1 else logits / temperature, tokens, reduction="none")
