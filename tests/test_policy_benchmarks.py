"""What benchmarks of policies compute of curves, and that ours learns what it is measured by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu_policy_step, planted_taste, policy_quality, policy_step
from benchmarks.gpu_train_step import TINY
from benchmarks.policy import bare_side
from benchmarks.policy.our_learning import learn
from benchmarks.policy.our_side import ppo, text, update
from benchmarks.policy.quality import SHAPE, Learning, reward_of
from benchmarks.policy.shape import Work, write_models
from benchmarks.policy.taste import answers_of
from benchmarks.training.side import PeerMissing
from lm.training.runtime import Runtime
from policy_trainer.model import load_policy


class TestAtEqualKl:
    def test_straight_lines_over_the_stretch_that_both_reached(self) -> None:
        """To 2 nats: 0.5 → 0.9 against 0.5 → 0.7, whose distance is 0.1 in the mean."""
        further, steeper = [(0.0, 0.5), (4.0, 0.9)], [(0.0, 0.5), (2.0, 0.9)]
        assert policy_quality.at_equal_kl(steeper, further) == pytest.approx(0.1)
        assert policy_quality.at_equal_kl(further, steeper) == pytest.approx(-0.1)
        assert policy_quality.at_equal_kl(further, further) == 0

    def test_a_policy_that_came_back_is_put_where_its_kl_is(self) -> None:
        assert policy_quality.at_equal_kl([(0.0, 0.5), (2.0, 0.9), (1.0, 0.7)], [(0.0, 0.5), (2.0, 0.9)]) == 0

    def test_the_interval_is_students(self) -> None:
        """Mean 2, deviation 1, three seeds: 2 ± 4.303 / √3."""
        assert policy_quality.interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


def test_the_rule_counts_even_words_and_no_others() -> None:
    assert reward_of("w2 w4 w7 w9 <pad>") == 0.5
    assert reward_of("") == 0


class TestStep:
    OURS = {"seconds": 2.0, "rollout": 0.5, "scoring": 0.5, "update": 1.0, "peak": 2.0**30, "loss": 0.3, "norm": 7.0}
    RLOO = {"seconds": 6.0, "rollout_and_scoring": 2.0, "update": 4.0, "peak": 2.0**31}

    def test_a_peer_that_is_not_installed_is_said_and_left_out(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One without a value function is compared with ours with and without it."""

        def ask(module: str, given: dict[str, Any], **_: Any) -> dict[str, float]:
            if module == "benchmarks.policy.trl_ppo_side":
                raise PeerMissing("make .venv-bench-ppo/.bench")
            if module == policy_step.OURS:
                return self.OURS | ({"seconds": 1.5} if given["advantage"] == "leave-one-out" else {})
            return self.RLOO

        monkeypatch.setattr(policy_step, "ask", ask)
        found = policy_step.main(quick=True, only="PPO iteration")
        rest = [(1, 2), (1, 2), (1, 4)]
        assert [(one.value, one.peer_value) for one in found] == [(2, 6), *rest, (1.5, 6), *rest]
        assert all("RLOOTrainer" in one.name for one in found)
        assert ["leave-one-out" in one.name for one in found] == [False] * 4 + [True] * 4
        assert "PPOTrainer left out: make .venv-bench-ppo/.bench" in capsys.readouterr().out

    @pytest.mark.parametrize("figure", ["loss", "norm"])
    def test_updates_that_did_other_work_are_not_compared(self, monkeypatch: pytest.MonkeyPatch, figure: str) -> None:
        def ask(_module: str, given: dict[str, Any], **_: Any) -> dict[str, float]:
            return self.OURS if given["shared"] else self.OURS | {figure: 1.1 * self.OURS[figure]}

        monkeypatch.setattr(policy_step, "ask", ask)
        with pytest.raises(RuntimeError, match=f"sides' {figure} differs"):
            policy_step.main(quick=True, only="Shared prompts")

    @pytest.mark.training
    def test_ours_without_a_value_function_takes_its_iteration(self, tmp_path: Path) -> None:
        work = Work("ppo", small=True, dtype="float32", prompt=12, new=4, prompts=2, advantage="leave-one-out")
        base, reward = write_models(tmp_path, work.shape)
        policy = load_policy(str(base), max_length=2048)
        found = ppo(work, policy, Runtime(device=torch.device("cpu"), dtype=torch.float32), reward)
        assert found["norm"] > 0
        assert found["seconds"] == pytest.approx(found["rollout"] + found["scoring"] + found["update"])

    @pytest.mark.training
    def test_text_that_is_mixed_in_is_what_the_library_reads_packed(self, tmp_path: Path) -> None:
        work = Work("text", small=True, dtype="float32", prompts=3, prompt=20)
        base, _ = write_models(tmp_path, work.shape)
        policy = load_policy(str(base), max_length=256)
        policy.model.get_input_embeddings().requires_grad_(False)
        ours = text(work, policy, Runtime(device=torch.device("cpu"), dtype=torch.float32))
        bare = bare_side.step(work, base)
        assert {name: ours[name] for name in ("loss", "norm")} == pytest.approx(
            {name: bare[name] for name in ("loss", "norm")}, rel=1e-5
        )
        assert ours["norm"] > 0

    @pytest.mark.training
    def test_an_update_is_the_same_whether_its_prompts_are_shared(self, tmp_path: Path) -> None:
        work = Work("update", small=True, dtype="float32", prompt=24, new=6, prompts=2)
        base, reward = write_models(tmp_path, work.shape)

        def side(one: Work) -> dict[str, float]:
            policy = load_policy(str(base), max_length=256)
            return update(one, policy, Runtime(device=torch.device("cpu"), dtype=torch.float32), reward)

        shared, apart = side(work), side(replace(work, shared=False))
        assert shared["loss"] == pytest.approx(apart["loss"], rel=1e-3)
        assert shared["norm"] == pytest.approx(apart["norm"], rel=1e-3)
        assert shared["norm"] > 0


@pytest.mark.training
def test_ours_earns_more_and_moves_away_as_it_learns(tmp_path: Path) -> None:
    base, reward = write_models(tmp_path, SHAPE)
    learning = Learning(seed=0, iterations=6, look=6)
    assert learn(learning, "leave-one-out", base, reward, tmp_path / "out") > 0
    curve = policy_quality.curve_of(learning, load_policy(str(base), max_length=256), base, tmp_path / "out")
    (first_kl, first), (last_kl, last) = curve
    assert first_kl == pytest.approx(0, abs=1e-6)
    assert last > first + 0.05
    assert last_kl > 0.1


class TestPlantedTaste:
    def test_the_best_of_each_four_is_its_reward_models(self) -> None:
        texts = list("abcdefgh")
        assert planted_taste.best_of(texts, [1.0, 3.0, 2.0, 0.0, -1.0, -3.0, -2.0, -4.0]) == ["b", "e"]

    def test_seeds_stand_together_and_prompts_are_drawn(self) -> None:
        """Two seeds' answers to two prompts: shorter than the best of four in two of four, as long in one; KL 1 and 3;
        one row of two costs a tenth more."""
        seeds = [
            planted_taste.Judged(answers=[["a"], ["bb"]], kl=[[1.0], [3.0]], text_losses=[2.2, 2.0]),
            planted_taste.Judged(answers=[["a"], ["b"]], kl=[[1.0], [3.0]], text_losses=[2.2, 2.0]),
        ]
        best, plain = [["aa"], ["b"]], [["aaa"], ["bbb"]]
        found = {one.name: one.value for one in planted_taste.of_method("PPO", seeds, best, plain, [2.0, 2.0])}
        assert found["PPO is preferred to best of 4"] == pytest.approx(62.5)
        assert found["PPO is preferred to best of 4: lower end of its 95% interval"] == pytest.approx(25)
        assert found["PPO is preferred to best of 4: upper end of its 95% interval"] == pytest.approx(100)
        assert found["PPO is preferred to SFT"] == 100
        assert found["PPO: KL of an answer to SFT"] == pytest.approx(2)
        assert found["PPO: loss on text left out, of SFT's"] == pytest.approx(105)

    @pytest.mark.training
    def test_a_policy_is_at_no_distance_from_itself_and_far_from_what_it_has_left(self, tmp_path: Path) -> None:
        base, _ = write_models(tmp_path, SHAPE)
        one, other = (load_policy(str(base), max_length=256) for _ in range(2))
        rollouts = answers_of(one, [[{"role": "user", "content": "w5 w7"}]], each=64, seed=1)
        assert planted_taste.kl_to(one, other, rollouts) == [[0.0] * 64]
        with torch.no_grad():
            other.model.model.layers[0].mlp.down_proj.weight += 0.1
        (found,) = planted_taste.kl_to(other, one, rollouts)
        assert sum(found) / len(found) > 0.05


class TestGpu:
    def test_without_one_it_says_so_and_measures_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert gpu_policy_step.main(quick=False) == []
        assert "no CUDA device" in capsys.readouterr().out

    @pytest.mark.training
    def test_a_tiny_one_takes_its_iteration_on_a_processor(self) -> None:
        """The time of the parts is the whole's; adapters have moved."""
        trainer = gpu_policy_step.Trainer(TINY, torch.device("cpu"))
        name, before = next(
            (name, weight.detach().clone())
            for name, weight in trainer.policy.model.named_parameters()
            if "lora_B" in name
        )
        shape = gpu_policy_step.Shape(
            TINY, batch=16, minibatch=8, prompt=12, new=6, pretraining_length=16, tokens_at_once=256
        )
        plain = trainer.iteration(shape)
        assert set(plain.parts) == {"rollout", "scoring"}
        assert 0 < sum(plain.parts.values()) < plain.seconds
        assert not torch.equal(trainer.policy.model.get_parameter(name), before)
        ptx = trainer.iteration(replace(shape, batch=8), pretraining=True)
        assert 0 < ptx.parts["pretraining"] < ptx.seconds

        plain = gpu_policy_step.Iteration(10.0, {"rollout": 2.0, "scoring": 3.0})
        measures = gpu_policy_step.measures_of(shape, plain, 5.0, peak=2**31, name="NVIDIA H100 80GB HBM3")
        found = {one.name.replace(", K=4, 12/6 tokens", ""): one for one in measures}
        assert found["an iteration of 16 episodes: update"].value == 5
        assert found["PPO: episodes"].value == 3600 * 16 / 10
        assert found["PPO-ptx: 256,000 episodes"].value == pytest.approx(256_000 / (3600 * 16 / 20))
        assert found["rollout: tokens"].value == 16 * 6 / 2
        assert found["peak memory"].value == 2

    def test_the_products_of_an_iteration_by_hand(self) -> None:
        """144 weights, as in gpu_train_step, a vocabulary of 10. A prompt of 3 with four answers of 1: 7 tokens,
        and 6 + 4 · (3 + 1) = 22 pairs that see each other, at 4 a pair and number of the width; heads at four tokens.
        """
        config = {"hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                  "num_key_value_heads": 1, "vocab_size": 10}  # fmt: skip
        shape = gpu_policy_step.Shape(config, batch=4, prompt=3, new=1)
        assert shape.layer_flops == 2 * 144 * 7 + 16 * 22
        assert shape.head_flops == 2 * 10 * 4 * 4
        assert shape.scoring_flops == 4 * shape.layer_flops + 2 * shape.head_flops
