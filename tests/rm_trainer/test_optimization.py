"""Gradients of a batch, and numbers that break."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from rm_trainer.arguments import TrainArguments
from rm_trainer.batches import Group
from rm_trainer.errors import Failed
from rm_trainer.model import freeze, load_base
from rm_trainer.optimization import accumulate_gradients, apply_gradients, make_optimizer, refuse_broken_numbers
from rm_trainer.precision import Runtime
from tests.rm_trainer.conftest import zebra_rankings
from tests.rm_trainer.snapshots import ranking_groups

CPU = Runtime(device=torch.device("cpu"), dtype=torch.float32)
ARGUMENTS = TrainArguments(data=Path("s"), base="m", output=Path("o"))


@pytest.fixture
def model_and_groups(tiny_base: Path) -> tuple[PreTrainedModel, list[Group]]:
    model, renderer = load_base(str(tiny_base), max_length=512, seed=0)
    return model, ranking_groups(zebra_rankings(range(1, 9)), renderer)


def gradients(model: PreTrainedModel, groups: list[Group], tokens: int) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    result = accumulate_gradients(model, CPU, groups, tokens=tokens)
    return result.loss, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("tokens", [1, 1000])
def test_one_times_eight_is_eight_times_one(model_and_groups: tuple[PreTrainedModel, list[Group]], tokens: int) -> None:
    """A budget of one token makes every ranking a part of its own, 1,000 tokens hold two to four of them."""
    model, groups = model_and_groups
    assert len({len(group.ranks) for group in groups}) > 2
    loss_whole, whole = gradients(model, groups, 10_000)
    loss_parted, parted = gradients(model, groups, tokens)
    assert loss_parted == pytest.approx(loss_whole, rel=1e-6)
    assert whole.keys() == parted.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(parted[name], gradient, atol=1e-6, rtol=1e-4)


def test_nine_completions_pull_no_harder_than_four(model_and_groups: tuple[PreTrainedModel, list[Group]]) -> None:
    """The gradient of a batch is the mean of its rankings' own gradients, whatever their K."""
    model, groups = model_and_groups
    _, together = gradients(model, groups[:2], 10_000)
    singles = [gradients(model, [group], 1)[1] for group in groups[:2]]
    assert len(groups[0].ranks) != len(groups[1].ranks)
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, (singles[0][name] + singles[1][name]) / 2, atol=1e-6, rtol=1e-4)


@pytest.mark.training
def test_frozen_parameters_stay_and_have_no_optimizer_state(
    model_and_groups: tuple[PreTrainedModel, list[Group]],
) -> None:
    model, groups = model_and_groups
    freeze(model, embeddings=False, layers=1)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer(model, ARGUMENTS)
    accumulate_gradients(model, CPU, groups, tokens=10_000)
    apply_gradients(model, optimizer, learning_rate=1e-3, clip=1.0)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert len(optimizer.state) == len(moved) < len(before)


@pytest.mark.training
def test_the_gradient_is_clipped_to_its_norm_or_left_alone(
    model_and_groups: tuple[PreTrainedModel, list[Group]],
) -> None:
    """Plain gradient descent of rate 1 moves the weights by exactly the gradient, so by the clipped norm."""
    model, groups = model_and_groups
    for clip, expected in ((0.01, 0.01), (0.0, None)):
        before = [parameter.detach().clone() for parameter in model.parameters()]
        accumulate_gradients(model, CPU, groups, tokens=10_000)
        norm = apply_gradients(model, torch.optim.SGD(model.parameters()), learning_rate=1.0, clip=clip)
        moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]).norm()
        assert moved.item() == pytest.approx(expected or norm.item(), rel=1e-3)


def test_bfloat16_keeps_weights_and_gradients_in_float32(
    model_and_groups: tuple[PreTrainedModel, list[Group]],
) -> None:
    model, groups = model_and_groups
    exact, _ = gradients(model, groups, 10_000)
    model.zero_grad()
    result = accumulate_gradients(model, Runtime(device=CPU.device, dtype=torch.bfloat16), groups, tokens=10_000)
    assert result.loss == pytest.approx(exact, rel=0.02)
    assert result.loss != exact
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in model.parameters() if parameter.grad is not None} == {torch.float32}


@pytest.mark.training
def test_a_loss_that_is_no_number_stops_with_the_batchs_rankings(
    model_and_groups: tuple[PreTrainedModel, list[Group]],
) -> None:
    model, groups = model_and_groups
    before = [parameter.clone() for parameter in model.parameters()]
    with torch.no_grad():
        head = model.get_parameter("score.weight")
        head.fill_(torch.nan)
    result = accumulate_gradients(model, CPU, groups[:3], tokens=1)
    norm = apply_gradients(model, make_optimizer(model, ARGUMENTS), learning_rate=1e-3, clip=1.0)
    with pytest.raises(Failed, match=r"Step 4: the loss is nan .*The rankings of this batch: 1, 2, 3\."):
        refuse_broken_numbers(4, groups[:3], result.loss, norm)
    assert all(torch.equal(p, q) for p, q in zip(list(model.parameters())[:-1], before[:-1], strict=True))
