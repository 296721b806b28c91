"""One optimizer step: gradients added up over parts of a batch, then AdamW with a clipped norm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from statistics import median
from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.errors import Failed, Refused
from lm.training.dealing import own_parts
from lm.training.fsdp import whole
from lm.training.runtime import Runtime
from rm_trainer.arguments import TrainArguments
from rm_trainer.batches import Group, unique_tokens
from rm_trainer.loss import batch_margins, correct_pairs
from rm_trainer.objective import Objective
from rm_trainer.sharing.choice import computed_tokens, score, way_for

PLAIN = Objective()


@dataclass(frozen=True)
class BatchResult:
    """One batch, measured before its step: its rankings' mean loss; `correct` of `pairs` pairs ordered rightly."""

    loss: float
    correct: float
    pairs: int
    computed_tokens: int = 0
    """That the layers computed, padding included."""


def accumulate_gradients(
    model: PreTrainedModel, runtime: Runtime, batch: Sequence[Group], *, tokens: int, objective: Objective = PLAIN
) -> BatchResult:
    """Adds the gradient of the batch's loss, Σ objective.loss / len(batch), to the parameters, as many groups at a time
    as have `tokens` together.

    Each part divides by the whole batch's number of rankings, so the sum is the same however the batch is parted and
    over however many processes it is spread.
    """
    loss, correct, pairs, computed = 0.0, 0.0, 0, 0
    sizes = [unique_tokens(group.rendered) for group in batch]
    for numbers, counts in own_parts(sizes, budget=tokens, processes=runtime.processes):
        part = [batch[number] for number in numbers]
        rendered = [group.rendered for group in part]
        scores = score(model, runtime, rendered)  # [ΣK]
        margins = batch_margins(scores, [group.ranks.to(runtime.device) for group in part])
        losses = [objective.loss(one, group.strengths) for one, group in zip(margins, part, strict=True)]
        part_loss = torch.stack(losses).sum() * (counts / len(batch))
        part_loss.backward()  # type: ignore[no-untyped-call]
        loss += part_loss.item()
        correct += counts * sum(float(correct_pairs(one)) for one in margins)
        pairs += counts * sum(one.numel() for one in margins)
        computed += counts * computed_tokens(way_for(model, runtime, rendered), rendered)
    sums = torch.tensor([loss, correct, pairs, computed], dtype=torch.float64)
    loss, correct, pairs, computed = runtime.processes.add_up(sums).tolist()
    return BatchResult(loss=loss, correct=correct, pairs=int(pairs), computed_tokens=int(computed))


def make_optimizer(model: PreTrainedModel, arguments: TrainArguments) -> torch.optim.Optimizer:
    """AdamW over what is trained; frozen parameters get no state.

    `adamw8bit`: moments quantised in blocks of 256 (Dettmers et al. 2022, arXiv 2110.02861), small tensors excepted.
    """
    return _kind(arguments.optimizer)(
        trainable(model),
        lr=arguments.learning_rate,
        betas=(arguments.beta1, arguments.beta2),
        eps=arguments.adam_epsilon,
        weight_decay=arguments.weight_decay,
    )


def _kind(name: str) -> Callable[..., torch.optim.Optimizer]:
    if name == "adamw":
        return partial(torch.optim.AdamW, fused=True)
    try:
        from torchao.optim import AdamW8bit  # noqa: PLC0415  (seconds to import, and only asked for on large models)
    except ImportError as missing:
        raise Refused("--optimizer adamw8bit needs the package torchao: pip install torchao==0.18.0.") from missing
    return cast("Callable[..., torch.optim.Optimizer]", AdamW8bit)


def apply_gradients(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, *, learning_rate: float, clip: float
) -> Tensor:
    """Steps, empties the gradients and returns their norm before clipping; a norm that isn't finite changes nothing."""
    norm = whole(torch.nn.utils.clip_grad_norm_(trainable(model), clip or torch.inf))
    if norm.isfinite():
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # torchao compiles with it, so the tensor stays the same
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


def refuse_broken_numbers(step: int, batch: Sequence[Group], loss: float, norm: Tensor) -> None:
    """Raises Failed, naming the batch's rankings, when the loss or the gradient isn't finite."""
    if torch.tensor(loss).isfinite() and norm.isfinite():
        return
    ids = ", ".join(str(group.ranking.ranking_id) for group in batch)
    raise Failed(
        f"Step {step}: the loss is {loss} and its gradient's norm {float(norm)}. Nothing was written. "
        f"The rankings of this batch: {ids}. A lower --learning-rate or --dtype float32 may help."
    )


def refuse_spike(step: int, batch: Sequence[Group], loss: float, earlier: Sequence[BatchResult], factor: float) -> None:
    """Raises Failed, naming the batch's rankings, when the loss is over `factor` times what was usual; 0 never does.

    Usual is the median of the last 20 steps, or log 2 if that is more: what a model without any opinion costs.
    """
    usual = max(log(2), median([result.loss for result in earlier[-20:]] or [0.0]))
    if not factor or loss <= factor * usual:
        return
    ids = ", ".join(str(group.ranking.ranking_id) for group in batch)
    raise Failed(
        f"Step {step}: the loss jumped to {loss:.3f}; {usual:.3f} was usual. Nothing was written. The rankings of this "
        f"batch: {ids}. Look at them, lower --learning-rate, or raise --spike-factor."
    )


def trainable(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
