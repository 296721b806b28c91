"""One step of the training loop: gradients of a batch, what they move, and numbers that break."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from lm.errors import Failed
from lm.layers import freeze
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.training.optimizer import make_optimizer
from lm.training.runtime import Runtime
from rm_trainer.arguments import TrainArguments
from rm_trainer.model import load_base_model
from rm_trainer.steps import StepResult
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.train import training_steps
from tests.rm_trainer.commands import train
from tests.rm_trainer.conftest import zebra_rankings
from tests.rm_trainer.tokenized import tokenized

CPU = Runtime(device=torch.device("cpu"), dtype=torch.float32)
ARGUMENTS = TrainArguments(
    data=Path("s"), base="m", output=Path("o"), tokens_per_microbatch=10_000, final_learning_rate_fraction=1.0
)
Prepared = tuple[PreTrainedModel, list[TokenizedRanking]]


@pytest.fixture
def prepared(tiny_base: Path) -> Prepared:
    model, renderer = load_base_model(str(tiny_base), max_length=512, seed=0)
    return model, tokenized(zebra_rankings(range(1, 9)), renderer)


class Recorder(torch.optim.SGD):
    """Keeps the gradients that it is given, and moves nothing."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        self.gradients = [p.grad.clone() for group in self.param_groups for p in group["params"] if p.grad is not None]


def take_step(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, batch: list[TokenizedRanking],
    *, runtime: Runtime = CPU, step: int = 1, **options: Any,
) -> StepResult:  # fmt: skip
    sharing = choose_strategy(model, runtime.device)
    earlier = [StepResult(loss=0.7, correct=1, pairs=2)] * (step - 1)
    arguments = replace(ARGUMENTS, **options)
    (result,) = training_steps(
        model, optimizer, runtime, sharing, [batch], arguments, steps=step, results=list(earlier)
    )
    return result


def gradients(
    model: PreTrainedModel, batch: list[TokenizedRanking], tokens: int, runtime: Runtime = CPU
) -> tuple[float, list[torch.Tensor]]:
    optimizer = Recorder(model.parameters())
    result = take_step(model, optimizer, batch, runtime=runtime, tokens_per_microbatch=tokens, clip=0.0)
    return result.loss, optimizer.gradients


@pytest.mark.parametrize("tokens", [1, 1000])
def test_one_times_eight_is_eight_times_one(prepared: Prepared, tokens: int) -> None:
    """A budget of one token makes every ranking a part of its own, 1,000 tokens hold two to four of them."""
    model, rankings = prepared
    assert len({len(one.ranks) for one in rankings}) > 2
    loss_whole, whole = gradients(model, rankings, 10_000)
    loss_parted, parted = gradients(model, rankings, tokens)
    assert loss_parted == pytest.approx(loss_whole, rel=1e-6)
    for gradient, other in zip(whole, parted, strict=True):
        torch.testing.assert_close(other, gradient, atol=1e-6, rtol=1e-4)


def test_nine_completions_pull_no_harder_than_four(prepared: Prepared) -> None:
    """The gradient of a batch is the mean of its rankings' own gradients, whatever their K."""
    model, rankings = prepared
    _, together = gradients(model, rankings[:2], 10_000)
    (_, first), (_, second) = (gradients(model, [one], 1) for one in rankings[:2])
    assert len(rankings[0].ranks) != len(rankings[1].ranks)
    for gradient, one, other in zip(together, first, second, strict=True):
        torch.testing.assert_close(gradient, (one + other) / 2, atol=1e-6, rtol=1e-4)


def test_frozen_parameters_stay_and_have_no_optimizer_state(prepared: Prepared) -> None:
    model, rankings = prepared
    freeze(model, embeddings=False, layers=1)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer(model, ARGUMENTS)
    take_step(model, optimizer, rankings, learning_rate=1e-3)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert len(optimizer.state) == len(moved) < len(before)


def test_the_gradient_is_clipped_to_its_norm_or_left_alone(prepared: Prepared) -> None:
    """Plain gradient descent of rate 1 moves the weights by exactly the gradient, so by the clipped norm."""
    model, rankings = prepared
    for clip in (0.01, 0.0):
        _, raw = gradients(model, rankings, 10_000)
        norm = torch.cat([gradient.flatten() for gradient in raw]).norm().item()
        assert norm > 0.02
        before = [parameter.detach().clone() for parameter in model.parameters()]
        take_step(model, torch.optim.SGD(model.parameters()), rankings, clip=clip, learning_rate=1.0)
        moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]).norm()
        assert moved.item() == pytest.approx(clip or norm, rel=1e-3)


def test_bfloat16_keeps_weights_and_gradients_in_float32(prepared: Prepared) -> None:
    model, rankings = prepared
    exact, _ = gradients(model, rankings, 10_000)
    loss, found = gradients(model, rankings, 10_000, Runtime(device=CPU.device, dtype=torch.bfloat16))
    assert loss == pytest.approx(exact, rel=0.02)
    assert loss != exact
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {gradient.dtype for gradient in found} == {torch.float32}


def test_a_loss_that_is_no_number_stops_with_the_batchs_rankings_and_moves_nothing(prepared: Prepared) -> None:
    model, rankings = prepared
    before = [parameter.clone() for parameter in model.parameters()]
    with torch.no_grad():
        model.get_parameter("score.weight").fill_(torch.nan)
    optimizer = make_optimizer(model, ARGUMENTS)
    with pytest.raises(Failed, match=r"Step 4: the loss is nan .*The rankings of this batch: 1, 2, 3\."):
        take_step(model, optimizer, rankings[:3], step=4, tokens_per_microbatch=1)
    assert all(torch.equal(p, q) for p, q in zip(list(model.parameters())[:-1], before[:-1], strict=True))
    assert not optimizer.state


def test_how_prompts_are_read_is_chosen_once_a_run(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the model that trains; and for the written one, when it is read back."""
    chosen = []

    def counting(model: PreTrainedModel, device: torch.device) -> Strategy:
        chosen.append(model)
        return choose_strategy(model, device)

    for module in ("train", "evaluate", "reward_bias", "scorer"):
        monkeypatch.setattr(f"rm_trainer.{module}.choose_strategy", counting)
    assert train(zebra_snapshot, tiny_base, tmp_path / "out", "--eval-every", "5", "--tokens-per-microbatch", "1") == 0
    assert len(chosen) == len(set(map(id, chosen))) == 2
