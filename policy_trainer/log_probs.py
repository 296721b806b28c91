"""Log-probabilities of tokens under a language model, the vocabulary's logits never in memory for more than a part.

Logits are divided by the temperature before the softmax, in the policy and the reference alike: what is learned is the
distribution that was sampled from.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy
from policy_trainer.model import unembedding

LOGITS_AT_ONCE = 2**25
"""Numbers, 128 MB of float32."""
IN_CACHE = 2**20
"""Numbers that a processor does several things to before it takes the next ones."""


def completion_log_probs(
    model: PreTrainedModel, reading: Strategy, prompts: Sequence[SharedPrompt], *, temperature: float = 1.0
) -> Tensor:
    """Log-probability of every completion token, in order: [ΣC] float32. Each prompt is read once."""
    hidden = reading.predicting_states(model, prompts)  # [ΣC, d]
    return token_log_probs(unembedding(model), hidden, completion_tokens(prompts).to(hidden.device), temperature)


def completion_entropies(
    model: PreTrainedModel, reading: Strategy, prompts: Sequence[SharedPrompt], *, temperature: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, the entropy of what each token was drawn from, in nats, and log-probabilities at temperature
    1, as the sampler has them: [ΣC] each. Only the first can be learned from, and only by a head that `can_be_kept`.
    """
    hidden = reading.predicting_states(model, prompts)
    tokens = completion_tokens(prompts).to(hidden.device)
    head = unembedding(model)
    if torch.is_grad_enabled():
        assert can_be_kept(head)
        return cast("tuple[Tensor, Tensor, Tensor]", _log_probs_by(head, hidden, tokens, temperature, entropies=True))
    logits_of = _rounded_once(head)
    found = [
        (_at(logs, own), _entropies(logs), _at(_plain(block, logs, temperature), own))
        for states, part in _parts(head, hidden, tokens)
        for block, own, logs in _blocks(logits_of(states), part, temperature)
    ]
    log_probs, entropies, plain = map(torch.cat, zip(*found, strict=True))
    return log_probs, entropies, plain


def can_be_kept(head: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether what is read for the old log-probabilities can be learned from: a head that is spread over processes
    comes together only when it is called."""
    return type(head) is nn.Linear and not isinstance(head.weight, DTensor)


def completion_tokens(prompts: Sequence[SharedPrompt]) -> Tensor:
    """All completions' tokens one after another: [ΣC] int64."""
    return torch.cat([one.ids[one.prefix :] for one in prompts]).long()


def token_log_probs(head: nn.Module, hidden: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability of tokens [N] by the states [N, d] that predict them: [N] float32."""
    parts = _parts(head, hidden, tokens)
    if not torch.is_grad_enabled():
        logits_of = _rounded_once(head)
        found = [_of_blocks(logits_of(states), own, temperature) for states, own in parts]
    elif can_be_kept(head):
        return _log_probs_by(head, hidden, tokens, temperature, entropies=False)[0]
    else:
        found = [checkpoint(_of_part, head, states, own, temperature, use_reentrant=False) for states, own in parts]
    return torch.cat(found)


def _log_probs_by(
    head: nn.Linear, hidden: Tensor, tokens: Tensor, temperature: float, *, entropies: bool
) -> tuple[Tensor, ...]:
    """Log-probabilities; with `entropies` also these, and log-probabilities at temperature 1."""
    return _TokenLogProbs.apply(hidden, head.weight, head.bias, tokens, temperature, entropies)  # type: ignore[no-untyped-call, no-any-return]


class _TokenLogProbs(torch.autograd.Function):
    """The gradient of a token's log-probability by its state is (e − p) W / temperature, with e = 1 at the token and
    the probabilities p, whatever is made of it later. So it is computed while the logits are there; only for a head
    that learns they are made once more.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        tokens: Tensor,
        temperature: float,
        entropies: bool,  # noqa: FBT001  autograd passes by place
    ) -> tuple[Tensor, ...]:
        ctx.dtype = _precision(weight)
        found, slopes = [], []
        rounded = weight.to(ctx.dtype)
        for states, own in zip(*_split(weight, hidden, tokens), strict=True):
            logits = _logits(states, rounded, bias)
            found.append(_leave_slopes(logits, own, temperature, entropies=entropies))
            slopes.append(torch.matmul(logits, rounded).float() / temperature)
        ctx.save_for_backward(hidden, weight, bias, tokens, torch.cat(slopes))
        ctx.temperature = temperature
        log_probs, *others = map(torch.cat, zip(*found, strict=True))
        ctx.mark_non_differentiable(*others)
        return log_probs, *others

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_of_others: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, tokens, slopes = ctx.saved_tensors
        of_hidden = (gradient[:, None] * slopes).to(hidden.dtype)
        if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return of_hidden, None, None, None, None, None
        rounded = weight.to(ctx.dtype)
        of_weight, of_bias = torch.zeros_like(weight), None if bias is None else torch.zeros_like(bias)
        parts = _split(weight, hidden, tokens, gradient[:, None] / ctx.temperature)
        for states, own, by_token in zip(*parts, strict=True):
            logits = _logits(states, rounded, bias)
            _leave_slopes(logits, own, ctx.temperature)
            of_weight += logits.T @ (states * by_token).to(ctx.dtype)
            if of_bias is not None:
                of_bias += (logits * by_token).sum(dim=0)
        return of_hidden, of_weight, of_bias, None, None, None


def _rounded_once(head: nn.Module) -> Callable[[Tensor], Tensor]:
    """What it computes, several times: autocast would round a weight that does not train each time."""
    if not can_be_kept(head):
        return head
    rounded, bias = head.weight.to(_precision(head.weight)), head.bias
    return lambda states: _logits(states, rounded, bias)


def _precision(weight: Tensor) -> torch.dtype:
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


def _logits(states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """[n, V], in the weight's precision."""
    return linear(states.to(weight.dtype), weight, None if bias is None else bias.to(weight.dtype))


def _leave_slopes(logits: Tensor, tokens: Tensor, temperature: float, *, entropies: bool = False) -> tuple[Tensor, ...]:
    """Returns the tokens' log-probabilities [n], with `entropies` also these and those at temperature 1, and leaves
    e − p where the logits [n, V] were."""
    found = []
    for block, own, logs in _blocks(logits, tokens, temperature):
        others = (_entropies(logs), _at(_plain(block, logs, temperature), own)) if entropies else ()
        found.append((_at(logs, own), *others))
        slopes = logs.exp_().neg_()
        slopes[torch.arange(len(own), device=own.device), own] += 1
        block.copy_(slopes)
    return tuple(map(torch.cat, zip(*found, strict=True)))


def _entropies(logs: Tensor) -> Tensor:
    """Of distributions by their log-probabilities [n, V]: [n]."""
    negative: Tensor = torch.linalg.vecdot(logs.exp(), logs)
    return -negative


def _of_blocks(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """The tokens' log-probabilities [n] by the logits [n, V], without gradients."""
    return torch.cat([_at(logs, own) for _, own, logs in _blocks(logits, tokens, temperature)])


def _at(logs: Tensor, tokens: Tensor) -> Tensor:
    return logs.gather(1, tokens[:, None])[:, 0]


def _plain(logits: Tensor, logs: Tensor, temperature: float) -> Tensor:
    """Log-probabilities at temperature 1 by the logits; `logs`: those at `temperature`."""
    return logs if temperature == 1 else logits.float().log_softmax(dim=-1)


def _of_part(head: nn.Module, states: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    logits = head(states).float()  # [n, V]
    return -cross_entropy(logits if temperature == 1 else logits / temperature, tokens, reduction="none")


def _blocks(logits: Tensor, tokens: Tensor, temperature: float) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """A few rows at a time: their logits [k, V], their tokens [k], log-probabilities of all the vocabulary [k, V]
    float32."""
    rows = len(logits) if logits.device.type == "cuda" else max(1, IN_CACHE // logits.shape[1])
    for block, own in zip(torch.split(logits, rows), torch.split(tokens, rows), strict=True):
        wide = block.float()
        yield block, own, (wide if temperature == 1 else wide / temperature).log_softmax(dim=-1)


def _parts(head: nn.Module, hidden: Tensor, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(*_split(cast("Tensor", head.weight), hidden, tokens), strict=True))


def _split(weight: Tensor, *by_token: Tensor) -> list[tuple[Tensor, ...]]:
    """Each [N, …] into parts whose logits fit into memory."""
    size = max(1, LOGITS_AT_ONCE // len(weight))
    return [torch.split(each, size) for each in by_token]
