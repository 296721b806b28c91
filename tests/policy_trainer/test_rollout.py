"""What is drawn, by which weights, and what the reward model is shown of it."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from lm.errors import Failed, Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy
from lm.prompt_format import Message
from lm.training.lora import add_adapters
from policy_trainer.experience import collect, decoder_gap, refuse_unlike
from policy_trainer.model import Policy, load_policy
from policy_trainer.networks import Networks
from policy_trainer.reward import Ensemble, RewardDoor, load_checked
from policy_trainer.rollout import Prompt, Rollout, Sampling, prompt_of, sample
from rm_trainer.protocol import Item, Scored
from sampler.engine import Engine
from tests.policy_trainer.known_optimum.language import CPU, arguments
from tests.tiny_models import ARCHITECTURES, make_tiny_model

pytestmark = pytest.mark.training

SAMPLING = Sampling(completions=3, max_new_tokens=6)
GIVEN = replace(arguments(completions=3, batch=6, minibatch=6, advantage="group"), tokens_per_microbatch=500)


def prompts(policy: Policy) -> list[Prompt]:
    return [prompt_of(policy, n, [Message(role="user", content=text)]) for n, text in enumerate(("Hi", "再见!"), 1)]


def test_sampler_and_trainer_agree_also_after_an_update_and_stale_answers_are_refused(policy: Policy) -> None:
    """S3, S4: a large step moves the sampler's weights, too, and leaves the trained ones float32 and in training."""
    networks = Networks(policy.model, None, CPU)
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=0.05)
    drawn = []
    for version in (0, 1):
        rollouts = sample(policy, CPU, prompts(policy), SAMPLING, seed=7, version=version)
        experience = collect(networks, rollouts, [torch.zeros(3)] * 2, GIVEN, version=version)
        assert decoder_gap(experience) < 1e-5
        refuse_unlike(experience)
        drawn.append([one.tokens.ids.tolist() for one in rollouts])
        networks.log_probs([one.tokens for one in rollouts]).sum().backward()  # type: ignore[no-untyped-call]
        before = [one.clone() for one in policy.model.parameters()]
        optimizer.step()
        moved = [bool((one != other).any()) for one, other in zip(policy.model.parameters(), before, strict=True)]
        assert all(moved)
    assert drawn[0] != drawn[1]
    assert {one.dtype for one in policy.model.parameters()} == {torch.float32}
    with pytest.raises(Failed, match="the weights after 1 updates are to be learned from after 2"):
        collect(networks, rollouts, [torch.zeros(3)] * 2, GIVEN, version=2)
    other = [replace(one, engine_log_probs=one.engine_log_probs + 2) for one in rollouts]
    with pytest.raises(Failed, match=r"differ by \d\.\d+ nats a token"):
        refuse_unlike(collect(networks, other, [torch.zeros(3)] * 2, GIVEN, version=1))


def test_a_rollouts_copy_of_the_weights_is_gone_after_it(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and not when Python next looks for cycles: the update needs the room."""
    copies = []

    def engine(model: PreTrainedModel, **more: Any) -> Engine:
        copies.append(weakref.ref(model))
        return Engine(model, **more)

    monkeypatch.setattr("policy_trainer.rollout.Engine", engine)
    gc.disable()
    try:
        sample(policy, CPU, prompts(policy), SAMPLING, seed=7, version=0)
        assert [copy() for copy in copies] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_sampler_knows_positions_as_precisely_as_the_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, lora_rank: int
) -> None:
    """Weights are rounded to bfloat16 and buffers are not: a frequency of rotary positions that is rounded is off by a
    radian after a thousand tokens."""
    policy = load_policy(str(make_tiny_model(tmp_path, architecture=architecture)), max_length=64)
    buffers = {name: one.clone() for name, one in policy.model.named_buffers()}
    add_adapters(policy.model, rank=lora_rank, alpha=4, seed=0, train_heads=False)
    copies = []

    def engine(model: PreTrainedModel, **more: Any) -> Engine:
        copies.append(model)
        return Engine(model, **more)

    monkeypatch.setattr("policy_trainer.rollout.Engine", engine)
    sample(policy, replace(CPU, dtype=torch.bfloat16), prompts(policy), SAMPLING, seed=7, version=0)
    found = dict(copies[0].named_buffers())
    assert found.keys() == buffers.keys()
    assert all(one.dtype == torch.float32 and torch.equal(one, buffers[name]) for name, one in found.items())
    assert {one.dtype for one in copies[0].parameters()} == {torch.bfloat16}
    assert {one.dtype for one in policy.model.parameters()} == {torch.float32}


def test_the_gap_between_sampler_and_trainer_is_that_of_the_model_whatever_the_temperature(policy: Policy) -> None:
    """S21."""
    given = replace(GIVEN, temperature=0.5)
    networks = Networks(policy.model, None, CPU, temperature=0.5)
    rollouts = sample(policy, CPU, prompts(policy), replace(SAMPLING, temperature=0.5), seed=7, version=0)
    experience = collect(networks, rollouts, [torch.zeros(3)] * 2, given, version=0)
    assert decoder_gap(experience) < 1e-5
    assert all((one.log_probs - one.plain_log_probs).abs().mean() > 1e-3 for one in experience)
    other = [replace(one, engine_log_probs=one.engine_log_probs + 2) for one in rollouts]
    with pytest.raises(Failed, match=r"differ by 2\.00 nats a token"):
        refuse_unlike(collect(networks, other, [torch.zeros(3)] * 2, given, version=0))


def test_an_answer_has_its_own_seed_and_a_prompt_is_the_samplers(policy: Policy) -> None:
    """S27: all differ, and none depends on the others."""
    together = sample(policy, CPU, prompts(policy), SAMPLING, seed=7, version=0)
    texts = [one.tokens.sequences()[k].tolist() for one in together for k in range(3)]
    assert len({tuple(text) for text in texts}) == 6
    assert [one.seeds for one in together] == [(7, 8, 9), (10, 11, 12)]
    alone = sample(policy, CPU, prompts(policy)[1:], SAMPLING, seed=10, version=0)
    assert alone[0].tokens.ids.tolist() == together[1].tokens.ids.tolist()
    for one in together:
        assert one.tokens.prefix == len(one.prompt.ids)
        for text, ended in zip(one.tokens.sequences(), one.ended, strict=True):
            assert (int(text[-1]) in policy.end_tokens) == ended


class Shown:
    """A reward model that keeps what it is asked."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def score(self, items: Sequence[Item]) -> list[Scored]:
        self.items += items
        return [Scored(float(len(item.completion))) for item in items]


def answered(policy: Policy, texts: tuple[str, ...], ended: tuple[bool, ...]) -> Rollout:
    (one,) = sample(policy, CPU, prompts(policy)[:1], replace(SAMPLING, completions=len(texts)), seed=1, version=0)
    return replace(one, texts=texts, ended=ended)


def test_an_answer_that_was_cut_gets_another_reward(policy: Policy) -> None:
    """S10: the missing end is explicit, and both rules are there."""
    rollout = answered(policy, ("four", "cut"), (True, False))
    shown = Shown()
    for door, expected in (
        (RewardDoor(shown), [4.0, 2.0]),
        (RewardDoor(shown, missing_end="replace"), [4.0, -1.0]),
        (RewardDoor(shown, missing_end="lower", missing_end_reward=-0.5, scale=2), [2.0, 1.25]),
    ):
        rewards = door.rewards([rollout])
        assert rewards == [[4.0, 3.0]]
        assert door.scores([rollout], rewards)[0].tolist() == expected
    assert shown.items[0] == Item(rollout.prompt.messages, "four")


def test_where_reward_models_disagree_the_reward_is_lower() -> None:
    class Says:
        def __init__(self, *rewards: float | None) -> None:
            self.rewards = rewards

        def score(self, items: Sequence[Item]) -> list[Scored]:
            return [Scored(reward) for reward in self.rewards]

    items = [Item((), "a")] * 3
    both = [Says(1.0, 2.0, 0.0), Says(1.0, 4.0, None)]
    assert [one.reward for one in Ensemble(both, "mean", 0.5).score(items)] == [1.0, 2.5, None]
    assert [one.reward for one in Ensemble(both, "worst", 0.5).score(items)] == [1.0, 2.0, None]


def test_the_reward_model_reads_what_it_was_trained_on_and_its_bias_is_in_the_reward(
    policy: Policy, tiny_reward_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S13, S14: the ids are the renderer's of `rm_trainer`, whatever the policy's tokens were."""
    loaded = load_checked(tiny_reward_model, policy)
    loaded.model.config.reward_bias = 5.0
    read: list[list[int]] = []
    right = Strategy.last_hidden_states

    def reading(self: object, model: object, given: list[SharedPrompt]) -> torch.Tensor:
        read.extend(ids.tolist() for one in given for ids in one.sequences())
        return right(self, model, given)  # type: ignore[arg-type]

    monkeypatch.setattr(Strategy, "last_hidden_states", reading)
    rollout = answered(policy, ("再见 <|im_end|>", "fine"), (True, True))
    (rewards,) = RewardDoor(loaded.scorer(CPU)).rewards([rollout])
    expected = [policy.renderer.conversations.answered_ids(rollout.prompt.messages, text) for text in rollout.texts]
    assert read == expected
    assert all(abs(reward - 5) < 2 for reward in rewards)


def test_a_base_without_an_end_token_is_refused(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path, chat_template=False)
    config = base / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"eos_token": "<eos>"', '"eos_token": null'))
    generation = base / "generation_config.json"
    generation.write_text('{"_from_model_config": false}')
    with pytest.raises(Refused, match="has no token that ends a turn"):
        load_policy(str(base), max_length=64)
