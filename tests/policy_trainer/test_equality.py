"""A prompt once for its answers, conversations in one row, parts of a batch: the same gradients as one by one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.training.runtime import Runtime
from policy_trainer import log_probs
from policy_trainer.examples import Example
from policy_trainer.experience import collect
from policy_trainer.learned import learned_log_probs
from policy_trainer.maths.ptx import language_model_loss
from policy_trainer.model import load_policy
from policy_trainer.networks import Networks
from policy_trainer.ppo_step import policy_loss, value_loss
from policy_trainer.residual_dropout import ResidualDropout
from policy_trainer.rollout import Prompt, Rollout
from rm_trainer.model import load_base_model
from tests.policy_trainer.known_optimum.language import CPU, arguments
from tests.tiny_models import ARCHITECTURES, make_tiny_model

pytestmark = pytest.mark.training

FULL = Strategy("full")


def sharpened(model: PreTrainedModel) -> PreTrainedModel:
    """Weights five times larger than fresh ones, so that attention is far from uniform and a wrong mask shows."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and "embed" not in name and "head" not in name and name != "score.weight":
                parameter.mul_(5)
    return model


def rollout(number: int, prompt: int, lengths: tuple[int, ...]) -> Rollout:
    chance = torch.Generator().manual_seed(prompt)
    ids = torch.randint(20, 250, (prompt + sum(lengths),), generator=chance, dtype=torch.int32)
    tokens = SharedPrompt(ids=ids, prefix=prompt, completions=lengths)
    k = len(lengths)
    return Rollout(Prompt(number, (), tuple(ids[:prompt].tolist())), tokens, torch.zeros(sum(lengths)), (True,) * k,
                   ("",) * k, tuple(range(k)), 0)  # fmt: skip


ROLLOUTS = [rollout(1, 70, (3, 20, 9)), rollout(2, 5, (1, 1, 30))]  # Gemma's window is 64


def gradient(model: PreTrainedModel) -> Tensor:
    """As one vector; what has none counts as 0."""
    found = [
        torch.zeros(one.numel(), device=one.device) if one.grad is None else one.grad.flatten()
        for one in model.parameters()
    ]
    model.zero_grad()
    return torch.cat(found)


def close(one: Tensor, other: Tensor) -> bool:
    assert other.norm() > 0
    return bool((one - other).norm() < 1e-5 * other.norm())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_shared_prompts_give_the_losses_and_gradients_of_separate_sequences(
    tmp_path: Path, architecture: str, device: str
) -> None:
    """Log-probabilities, values, policy loss, value loss and the packed pretraining loss, in float32."""
    make_tiny_model(tmp_path, architecture=architecture, head_size=16)
    runtime = Runtime(device=torch.device(device), dtype=torch.float32)
    policy = runtime.place(sharpened(load_policy(str(tmp_path), max_length=512).model))
    value = runtime.place(load_base_model(str(tmp_path), max_length=512, seed=0)[0])
    given = replace(arguments(completions=3, batch=6, minibatch=6, episodes=6), tokens_per_microbatch=10_000)
    rows = [torch.arange(20, 90, dtype=torch.int32), torch.arange(100, 110, dtype=torch.int32)]
    measured = []
    for reading in (FULL, None):
        chosen = [reading or choose_strategy(one, runtime.device) for one in (policy, value)]
        networks = Networks(policy, sharpened(value) if reading else value, runtime, readings=(chosen[0], chosen[1]))
        scores = [torch.tensor([1.0, -1.0, 0.5])] * 2
        experience = collect(networks, ROLLOUTS, scores, given, version=0)
        moved = [replace(one, log_probs=one.log_probs + 0.1, values=one.values - 0.1) for one in experience]
        policy_loss(networks, moved, given, whole=moved)[0].backward()  # type: ignore[no-untyped-call]
        of_policy = gradient(policy)
        value_loss(networks, moved, given, whole=moved).backward()  # type: ignore[no-untyped-call]
        of_value = gradient(value)
        language_model_loss(networks.text_log_probs(rows), tokens=78).backward()  # type: ignore[no-untyped-call]
        flat = torch.cat([torch.cat([one.log_probs, one.values, one.advantages]) for one in experience])
        measured.append((flat, of_policy, of_value, gradient(policy)))
    separate, shared = measured
    torch.testing.assert_close(shared[0], separate[0], atol=1e-5, rtol=1e-5)
    assert all(close(one, other) for one, other in zip(shared[1:], separate[1:], strict=True))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_one_update_learns_from_what_was_read_for_the_old_log_probabilities_and_values(
    tmp_path: Path, architecture: str, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its losses and gradients are those of another reading; with several updates, or parts, each is read anew."""
    make_tiny_model(tmp_path, architecture=architecture)
    policy = sharpened(load_policy(str(tmp_path), max_length=512).model)
    value, _ = load_base_model(str(tmp_path), max_length=512, seed=0)
    networks = Networks(policy, sharpened(value), CPU, temperature=temperature)
    scores = [torch.tensor([1.0, -1.0, 0.5]), torch.tensor([0.0, 2.0, -0.5])]
    one_update = arguments(completions=3, batch=6, minibatch=6, temperature=temperature)
    at_once = collect(networks, ROLLOUTS, scores, one_update, version=0)
    for given in (replace(one_update, minibatch=3), replace(one_update, tokens_per_microbatch=1)):
        anew = collect(networks, ROLLOUTS, scores, given, version=0)
        assert [one.learned for one in anew] == [None, None]
        for one, other in zip(at_once, anew, strict=True):
            for name in ("log_probs", "plain_log_probs", "entropies", "values", "advantages", "returns"):
                torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=1e-5, rtol=1e-5)
    loss, sums = policy_loss(networks, anew, one_update, whole=anew)
    loss.backward()  # type: ignore[no-untyped-call]
    of_value = value_loss(networks, anew, one_update, whole=anew)
    of_value.backward()  # type: ignore[no-untyped-call]
    expected = [gradient(policy), gradient(value)]
    for name in ("log_probs", "values"):
        monkeypatch.setattr(networks, name, lambda _: pytest.fail("it was read again"))
    once, counted = policy_loss(networks, at_once[::-1], one_update, whole=at_once)
    once.backward()  # type: ignore[no-untyped-call]
    assert not gradient(value).any(), "each backward pass is through its own network"
    value_once = value_loss(networks, at_once[::-1], one_update, whole=at_once)
    value_once.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(torch.stack([once, value_once]), torch.stack([loss, of_value]), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(counted, sums, atol=1e-5, rtol=1e-5)
    assert close(gradient(policy), expected[0])
    assert close(gradient(value), expected[1])


@pytest.mark.parametrize("scale", ["frozen", "batch"])
def test_an_update_is_the_same_however_it_is_parted(tiny_base: Path, scale: str) -> None:
    """S17: two prompts' answers at a time, or one's."""
    policy = sharpened(load_policy(str(tiny_base), max_length=512).model)
    value, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    given = arguments(completions=3, batch=6, minibatch=6, episodes=6, advantage_scale=scale)
    networks = Networks(policy, sharpened(value), CPU)
    scores = [torch.tensor([1.0, -1.0, 0.5]), torch.tensor([0.0, 2.0, -0.5])]
    found = []
    for budget, parts in ((10_000, [[0, 1]]), (1, [[0], [1]])):
        experience = collect(networks, ROLLOUTS, scores, replace(given, tokens_per_microbatch=budget), version=0)
        for numbers in parts:
            part = [experience[one] for one in numbers]
            policy_loss(networks, part, given, whole=experience)[0].backward()  # type: ignore[no-untyped-call]
            value_loss(networks, part, given, whole=experience).backward()  # type: ignore[no-untyped-call]
        found.append((gradient(policy), gradient(value)))
    whole, parted = found
    assert close(parted[0], whole[0])
    assert close(parted[1], whole[1])


def test_values_begin_as_the_rewards_are_counted_bias_and_scale_included(tiny_base: Path) -> None:
    """S14: of the reward model that the value function is made of."""
    policy = load_policy(str(tiny_base), max_length=512).model
    value = sharpened(load_base_model(str(tiny_base), max_length=512, seed=0)[0])
    value.config.reward_bias = 3.0
    prompts = [one.tokens for one in ROLLOUTS]
    plain, scaled = (Networks(policy, value, CPU, reward_scale=scale).values(prompts) for scale in (1, 10))
    torch.testing.assert_close(scaled * 10, plain)
    value.config.reward_bias = 0.0
    torch.testing.assert_close(Networks(policy, value, CPU).values(prompts) + 3, plain)


def sft_gradient(model: PreTrainedModel, reading: Strategy, parts: Sequence[Sequence[Example]], count: int) -> Tensor:
    for part in parts:
        (-learned_log_probs(model, CPU, reading, part).sum() / count).backward()  # type: ignore[no-untyped-call]
    return gradient(model)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_packed_conversations_learn_as_unpacked_ones_however_they_are_parted(tmp_path: Path, architecture: str) -> None:
    """S16, S17."""
    make_tiny_model(tmp_path, architecture=architecture)
    model = sharpened(load_policy(str(tmp_path), max_length=512).model)
    chance = torch.Generator().manual_seed(1)
    ids = [
        torch.randint(20, 250, (length,), generator=chance, dtype=torch.int32) for length in (9, 90, 3, 25)
    ]  # Gemma's window is 64
    examples = [Example(n, one, torch.arange(len(one)) > len(one) // 2) for n, one in enumerate(ids)]
    count = sum(one.count for one in examples)
    alone = sft_gradient(model, FULL, [[one] for one in examples], count)
    packed = choose_strategy(model, CPU.device)
    assert packed.name != "full"
    assert close(sft_gradient(model, packed, [examples], count), alone)
    assert close(sft_gradient(model, packed, [examples[:1], examples[1:]], count), alone)


def test_logits_made_in_parts_give_the_same_gradient(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_policy(str(tiny_base), max_length=512).model
    prompts = [one.tokens for one in ROLLOUTS]
    found = []
    for at_once in (2**27, 261 * 4):
        monkeypatch.setattr(log_probs, "LOGITS_AT_ONCE", at_once)
        logs = log_probs.completion_log_probs(model, FULL, prompts, temperature=0.7)
        logs.square().sum().backward()  # type: ignore[no-untyped-call]
        again, entropies, plain = log_probs.completion_entropies(model, FULL, prompts, temperature=0.7)
        torch.testing.assert_close(again, logs.detach())
        torch.testing.assert_close(plain, log_probs.completion_log_probs(model, FULL, prompts).detach())
        found.append((logs.detach(), entropies, gradient(model)))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learns", [True, False], ids=["head learns", "head is frozen"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_gradients_that_are_made_beside_the_logits_are_autograds(
    monkeypatch: pytest.MonkeyPatch,
    bias: bool,
    learns: bool,
    dtype: torch.dtype,
) -> None:
    monkeypatch.setattr(log_probs, "LOGITS_AT_ONCE", 50 * 4)
    monkeypatch.setattr(log_probs, "IN_CACHE", 50 * 3)
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 50, bias=bias).requires_grad_(learns)
    hidden, tokens, upstream = torch.randn(11, 8), torch.randint(50, (11,)), torch.randn(11)

    def of(compute: Callable[[Tensor], Tensor]) -> list[Tensor]:
        states = hidden.clone().requires_grad_()
        head.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            found = compute(states)
        found.backward(upstream)  # type: ignore[no-untyped-call]
        gradients = [states.grad, *(one.grad for one in head.parameters())] if learns else [states.grad]
        return [found.detach(), *(one for one in gradients if one is not None)]

    ours = of(lambda states: log_probs.token_log_probs(head, states, tokens, 0.7))
    plain = of(lambda states: of_plain(head, states, tokens))
    tolerance = 1e-5 if dtype is torch.float32 else 3e-2
    torch.testing.assert_close(ours, plain, atol=tolerance, rtol=tolerance)
    assert len(ours) == (2 + learns + (learns and bias))
    with torch.no_grad():
        torch.testing.assert_close(log_probs.token_log_probs(head, hidden, tokens, 0.7), of_plain(head, hidden, tokens))


def of_plain(head: torch.nn.Module, hidden: Tensor, tokens: Tensor) -> Tensor:
    logs: Tensor = (head(hidden).float() / 0.7).log_softmax(dim=-1)
    return logs.gather(1, tokens[:, None])[:, 0]


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_residual_dropout_is_there_in_every_architecture_and_only_where_it_is_asked_for(
    tmp_path: Path, architecture: str
) -> None:
    """S11: the seed decides what drops, and outside of a training step nothing does."""
    model = load_policy(str(make_tiny_model(tmp_path, architecture=architecture)), max_length=512).model
    ids = torch.arange(20, 40)[None]

    def read() -> Tensor:
        logits: Tensor = model(input_ids=ids, use_cache=False).logits
        return logits.detach()

    before = read()
    dropout = ResidualDropout(model, 0.2)
    assert torch.equal(read(), before)
    with dropout.drawn(1, 2):
        first = read()
    with dropout.drawn(1, 2):
        assert torch.equal(read(), first)
    with dropout.drawn(1, 3):
        assert not torch.equal(read(), first)
    assert not torch.equal(first, before)
    assert torch.equal(read(), before)
