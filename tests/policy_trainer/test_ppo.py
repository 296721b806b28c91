"""`python -m policy_trainer ppo`, and its loop on a real model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from string import ascii_lowercase
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from lm.errors import Failed
from policy_trainer import ppo as ppo_module
from policy_trainer.arguments import PpoArguments
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.model import Policy, load_policy
from policy_trainer.networks import Networks
from policy_trainer.ppo import ppo_iterations
from policy_trainer.ppo_step import IterationResult
from policy_trainer.reward import RewardDoor, doors, load_checked
from policy_trainer.rollout import Rollout, Sampling, prompt_of, sample
from rm_trainer.protocol import Item, Scored
from rm_trainer.scorer import Scorer
from tests.policy_trainer.commands import events, metrics, train, weights
from tests.policy_trainer.known_optimum.language import CPU, arguments
from tests.policy_trainer.known_optimum.language import learned as counted

pytestmark = pytest.mark.training

SHORT = ("--episodes", "64", "--batch", "16", "--minibatch", "8", "--max-new-tokens", "6", "--watch-every", "2")


class CountsLetters:
    """Pleased by small letters, of which a random answer has one in ten characters."""

    def score(self, items: Sequence[Item]) -> list[Scored]:
        return [Scored(sum(letter in ascii_lowercase for letter in item.completion) / 6) for item in items]


def learned(policy: Policy, **options: Any) -> list[IterationResult]:
    given = arguments(**{
        "episodes": 16 * 64, "batch": 64, "minibatch": 32, "completions": 8, "max_new_tokens": 6,
        "advantage": "leave-one-out", "learning_rate": 0.02, "beta": 0.02, "beta1": 0.9, "clip": 1.0,
        "adam_epsilon": 1e-8, **options,
    })  # fmt: skip
    prompts = [prompt_of(policy, n, [{"role": "user", "content": "ABCDEFGH"[n]}]) for n in range(8)]
    sampling = Sampling(completions=8, max_new_tokens=6)
    networks = Networks(policy.model, None, CPU)
    optimizer = torch.optim.AdamW([{"params": list(policy.model.parameters()), "lr": 0.0, "peak": 0.02}])
    results: list[IterationResult] = []

    def draw(iteration: int, version: int) -> list[Rollout]:
        return sample(policy, CPU, prompts, sampling, seed=iteration * 64, version=version)

    door = RewardDoor(CountsLetters(), missing_end="lower", missing_end_reward=0.0)
    average = MovingAverage(policy.model, decay=0.9)
    for _ in ppo_iterations(networks, optimizer, average, draw, door, None, given, results=results):
        pass
    return results


def test_what_does_not_train_has_one_memory_in_policy_and_reference(policy: Policy) -> None:
    frozen, trained = [name for name, _ in policy.model.named_parameters()][:2]
    policy.model.get_parameter(frozen).requires_grad_(False)
    with Networks(policy.model, None, CPU).as_reference() as reference:
        places = [
            {name: model.get_parameter(name).data_ptr() for name in (frozen, trained)}
            for model in (policy.model, reference)
        ]
    assert places[0][frozen] == places[1][frozen]
    assert places[0][trained] != places[1][trained]


def test_every_reward_model_has_the_embeddings_of_the_policy(
    policy: Policy, tiny_reward_model: Path, tmp_path: Path
) -> None:
    """The optimised one, those of an ensemble, and the watched one, where they are the same and do not train."""
    loaded = load_checked(tiny_reward_model, policy)
    name = "model.embed_tokens.weight"
    embeddings = policy.model.get_parameter(name).requires_grad_(False)
    embeddings.data = loaded.model.get_parameter(name).clone()
    for place in ("second", "third"):
        copytree(tiny_reward_model, tmp_path / place)
    given = arguments(watched_reward_model=tiny_reward_model, ensemble=tmp_path)
    door, watched = doors(given, policy, loaded, None, CPU)
    models = [one.model for one in (*door.rewarders, watched.rewarder) if isinstance(one, Scorer)]
    assert [model.get_parameter(name).data_ptr() for model in models] == [embeddings.data_ptr()] * 4


def test_a_reward_that_counts_letters_is_learned_within_1024_episodes(policy: Policy) -> None:
    results = learned(policy)
    assert results[0].reward < 0.2
    assert results[-1].reward > 0.7
    assert results[0].kl == pytest.approx(0, abs=1e-4)
    assert 1 < results[-1].kl < 30  # within the budget that a run has by default
    assert results[-1].entropy < results[0].entropy
    assert all(one.decoder_gap < 1e-4 for one in results)


def test_a_run_that_ends_in_the_middle_goes_on_as_if_it_had_not_rollouts_included(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S22: killed between the updates of the third iteration. What is written are the averaged weights."""
    options = (*SHORT, "--reward-model", str(tiny_reward_model), "--gamma", "0.5", "--checkpoint-every", "2",
               "--pretraining-examples", "1", "--missing-end", "lower")  # fmt: skip
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    averages = []
    right = MovingAverage.update

    def remembering(self: MovingAverage) -> None:
        right(self)
        averages.append({name: one.clone() for name, one in self.averages.items()})

    with monkeypatch.context() as patched:
        patched.setattr(MovingAverage, "update", remembering)
        assert train("ppo", snapshot, tiny_base, whole, *options) == 0
    with monkeypatch.context() as patched:
        patched.setattr(ppo_module, "refuse_broken_numbers", _stop_at(3))
        assert train("ppo", snapshot, tiny_base, parted, *options) == 1
    assert not parted.exists()
    assert train("ppo", snapshot, tiny_base, parted, *options) == 0
    assert weights(parted) == weights(whole)
    assert metrics(parted)["figures"] == metrics(whole)["figures"]
    assert metrics(parted)["looks"] == metrics(whole)["looks"]
    drawn = sorted(path.name for path in (whole / "rollouts").iterdir())
    assert drawn == [f"iteration-{n:06d}.jsonl" for n in range(1, 5)]
    for name in drawn:
        assert (parted / "rollouts" / name).read_bytes() == (whole / "rollouts" / name).read_bytes()
    lines = [json.loads(line) for line in (whole / "rollouts" / drawn[2]).read_text().splitlines()]
    assert {line["weights"] for line in lines} == {4}  # two updates an iteration
    assert len(lines[0]["answers"]) == 4
    assert len(lines[0]["answers"][0]["log_probs"]) == len(lines[0]["answers"][0]["tokens"])
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "parted"}

    found = metrics(whole)
    assert [look["iteration"] for look in found["looks"]] == [2, 4]
    written = load_file(whole / "model.safetensors")
    kept = averages[2 * found["chosen"] - 1]
    assert all(torch.equal(written[name], kept[name]) for name in written if name in kept)
    assert [event["step"] for event in events(whole, "samples")] == [0, 2, 4]
    first = events(whole, "step")[0]["figures"]
    assert first["kl"] == pytest.approx(0, abs=1e-4)
    assert first["policy_norm"] != first["norm"]
    AutoModelForCausalLM.from_pretrained(whole)
    assert "## Held-out prompts" in (whole / "README.md").read_text()


def test_what_is_written_is_the_best_by_the_watched_model_not_by_the_one_that_is_optimised(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """S24: the two disagree about which look is the best."""
    averages, right = [], MovingAverage.update

    def remembering(self: MovingAverage) -> None:
        right(self)
        averages.append({name: one.clone() for name, one in self.averages.items()})

    monkeypatch.setattr(MovingAverage, "update", remembering)
    models = ("--reward-model", str(tiny_reward_model), "--watched-reward-model", str(tiny_watched_reward_model))
    options = (*SHORT, *models, "--patience", "9", "--watch-every", "1", "--learning-rate", "0.01",
               "--missing-end", "lower", "--dtype", "float32")  # fmt: skip
    assert train("ppo", snapshot, tiny_base, tmp_path / "out", *options) == 0
    found = metrics(tmp_path / "out")
    best = {by: max(found["looks"], key=lambda look: look[by])["iteration"] for by in ("watched", "optimised")}
    assert best["watched"] != best["optimised"], found["looks"]
    assert found["chosen"] == best["watched"]
    written, kept = load_file(tmp_path / "out" / "model.safetensors"), averages[2 * best["watched"] - 1]
    assert all(torch.equal(written[name], kept[name]) for name in written if name in kept)


def test_a_checkpoint_of_other_pretraining_text_is_refused(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("Swifts sleep in the air. " * 20)
    options = (*SHORT, "--reward-model", str(tiny_reward_model), "--gamma", "0.5", "--checkpoint-every", "2",
               "--pretraining", str(text), "--pretraining-examples", "1", "--missing-end", "lower")  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(ppo_module, "refuse_broken_numbers", _stop_at(3))
        assert train("ppo", snapshot, tiny_base, tmp_path / "out", *options) == 1
    (text / "a.txt").write_text("Terns sleep on the ground. " * 20)
    assert train("ppo", snapshot, tiny_base, tmp_path / "out", *options) != 0
    assert "a run with other options or other data" in capsys.readouterr().err


def _stop_at(iteration: int) -> object:
    seen = []

    def stop(number: int, *_: object, **__: object) -> None:
        seen.append(number)
        if seen.count(iteration) == 2:
            raise Failed("Stopped.")

    return stop


def test_with_adapters_reference_and_reward_model_are_the_networks_without_them(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path
) -> None:
    """The same answers at first, so the same rewards and no KL; the written model has no adapters."""
    found = {}
    for name, options in (("adapters", ("--lora-rank", "4")), ("whole", ())):
        out = tmp_path / name
        more = ("--reward-model", str(tiny_reward_model), "--watched-reward-model", str(tiny_watched_reward_model))
        assert train("ppo", snapshot, tiny_base, out, *SHORT, *more, *options, "--episodes", "32") == 0
        found[name] = [event["figures"] for event in events(out, "step")]
    for figure in ("reward", "kl", "entropy", "length"):
        assert found["adapters"][0][figure] == pytest.approx(found["whole"][0][figure], abs=1e-4)
    assert found["adapters"][0]["value_loss"] == pytest.approx(found["whole"][0]["value_loss"], rel=0.05)
    assert found["adapters"][1]["kl"] != found["whole"][1]["kl"]
    load_policy(str(tmp_path / "adapters"), max_length=64)  # which refuses weights that are missing
    assert weights(tmp_path / "adapters") != weights(tiny_base)


def test_a_run_that_stops_by_rule_writes_what_it_has_and_says_why(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rule, words in (
        ("kl", ("--kl-budget", "1e-9", "--learning-rate", "0.1", "--warmup-steps", "0"), "The KL to the SFT model is "),
        ("time", ("--hours", "1e-9"), "its 1e-09 hours are over, 16 episodes."),
    ):
        more = ("--reward-model", str(tiny_reward_model), "--watch-prompts", "1", "--samples", "1")
        assert train("ppo", snapshot, tiny_base, tmp_path / name, *SHORT, *more, *rule) == 0
        assert f": {words}" in capsys.readouterr().err
        found = metrics(tmp_path / name)
        assert found["stopped"].startswith(words)
        assert found["looks"][-1]["iteration"] == len(events(tmp_path / name, "step")) < 4
        assert weights(tmp_path / name) != weights(tiny_base)


def test_a_run_that_had_stopped_by_rule_is_not_trained_on_when_it_is_written_at_last(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full when it was to be written. And one whose time is over before it goes on, without a look yet."""
    whole, out, late = tmp_path / "whole", tmp_path / "out", tmp_path / "late"
    options = (*SHORT, "--reward-model", str(tiny_reward_model), "--watch-prompts", "1", "--samples", "1",
               "--kl-budget", "0.01", "--learning-rate", "0.1", "--warmup-steps", "0",
               "--checkpoint-every", "1")  # fmt: skip
    assert train("ppo", snapshot, tiny_base, whole, *options) == 0
    assert len(events(whole, "step")) == 2
    with monkeypatch.context() as patched:
        patched.setattr("policy_trainer.ppo_report.write", _fail)
        assert train("ppo", snapshot, tiny_base, out, *options) == 1
    assert train("ppo", snapshot, tiny_base, out, *options) == 0
    assert len(events(out, "step")) == 2
    assert weights(out) == weights(whole)
    for name in ("figures", "looks", "stopped"):
        assert metrics(out)[name] == metrics(whole)[name]

    with monkeypatch.context() as patched:
        patched.setattr(ppo_module, "refuse_broken_numbers", _stop_at(2))
        assert train("ppo", snapshot, tiny_base, late, *options) == 1
    assert train("ppo", snapshot, tiny_base, late, *options, "--hours", "1e-9") == 0
    assert metrics(late)["stopped"] == "its 1e-09 hours are over, 16 episodes."
    assert [look["iteration"] for look in metrics(late)["looks"]] == [1]


def _fail(*_: object, **__: object) -> None:
    raise Failed("The disk is full.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--batch", "10", "--completions", "4"), "--batch 10 is no multiple of --completions 4"),
        (("--batch", "16", "--minibatch", "12"), "--batch 16 is no multiple of --minibatch 12"),
        (("--advantage", "group", "--completions", "1"), "--completions is 1. Give 2"),
        (("--temperature", "0"), "--temperature is 0.0; it must be a number above 0"),
        (("--advantage-scale", "batch", "--gamma", "1"), "--advantage-scale batch divides"),
    ],
)
def test_contradictions_are_refused_before_anything_is_read(
    tmp_path: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    assert train("ppo", nowhere, nowhere, tmp_path / "out", "--reward-model", str(nowhere), *options) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"clip": 1e-4}, {"beta": 1.0}, {"clip_ratio": 1e-3, "inner_epochs": 3}, {"warmup_steps": 5},
        {"temperature": 0.5}, {"kl_place": "loss", "beta": 1.0}, {"advantage_scale": "frozen"},
        {"adam_epsilon": 1.0}, {"missing_end": "replace"}, {"gae_decay": 0.1}, {"value_learning_rate": 1e-4},
        {"clip_value": 1e-4, "inner_epochs": 3}, {"discount": 0.5},
    ],
    ids=str,
)  # fmt: skip
def test_every_knob_changes_what_two_iterations_come_to(change: dict[str, Any]) -> None:
    """S19, on the language whose texts are counted."""
    plain: PpoArguments = arguments(episodes=80, clip_ratio=0.2, inner_epochs=change.get("inner_epochs", 1))
    assert not torch.equal(counted(plain)[0], counted(replace(plain, **change))[0])


@pytest.mark.parametrize("options", [{"advantage": "group", "advantage_scale": "batch"}, {}], ids=str)
def test_groups_of_equal_rewards_are_counted_and_teach_nothing(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """S26: the reward tells prompts apart and no two answers to one; in the second run it does to half of them."""
    monkeypatch.setattr(CountsLetters, "score", lambda self, items: [Scored(float(ord(_asked(one)))) for one in items])
    before = {name: one.clone() for name, one in policy.model.named_parameters()}
    (result,) = learned(policy, episodes=64, beta=0.0, **options)
    assert result.equal_groups == 1
    assert result.policy_loss == 0
    assert result.norm == 0
    # a first step of AdamW is the whole rate, 0.02, however small the gradient
    assert all(torch.allclose(one, before[name], atol=1e-3) for name, one in policy.model.named_parameters())
    monkeypatch.setattr(CountsLetters, "score", _by_length_of_half)
    (result,) = learned(policy, episodes=64, beta=0.0, **options)
    assert result.equal_groups == 0.5
    assert result.norm > 0


def _by_length_of_half(_self: CountsLetters, items: Sequence[Item]) -> list[Scored]:
    return [Scored(float(len(one.completion)) if _asked(one) in "ABCD" else 0.5) for one in items]


def _asked(item: Item) -> str:
    return item.prompt[-1]["content"]


def test_one_answer_a_prompt_is_no_group(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path
) -> None:
    options = (*SHORT, "--reward-model", str(tiny_reward_model), "--episodes", "16")
    for completions in ("1", "2"):
        out = tmp_path / completions
        assert train("ppo", snapshot, tiny_base, out, *options, "--completions", completions) == 0
        assert ("equal_groups" in events(out, "step")[0]["figures"]) == (completions == "2")
        assert ("equal_groups" in metrics(out)["figures"]) == (completions == "2")


def test_a_reward_that_tells_nothing_apart_ends_the_run(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountsLetters, "score", lambda self, items: [Scored(0.25) for _ in items])
    with pytest.raises(Failed, match="It tells nothing apart"):
        learned(policy)
