"""`python -m policy_trainer dpo` and `best-of-n`."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn.functional import logsigmoid

from lm.errors import Failed
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.snapshot.reading import open_snapshot
from policy_trainer.arguments import DpoArguments
from policy_trainer.dpo import margins_of
from policy_trainer.dpo_setup import judged
from policy_trainer.model import Policy
from rm_trainer.loss import ranking_loss
from tests.lm.snapshots import ranking, write_snapshot
from tests.policy_trainer.commands import events, metrics, run, train, weights
from tests.policy_trainer.known_optimum.language import CPU
from tests.rm_trainer.tokenized import tokenized

pytestmark = pytest.mark.training

GIVEN = DpoArguments(data=Path("d"), base="b", output=Path("o"))


def test_one_element_of_k_completions_is_all_of_its_pairs(policy: Policy) -> None:
    """Ranks 1, 2, 2: two pairs, the tie makes none. The same from whole sequences."""
    records = [ranking(1, [("first", 1), ("second one", 2), ("third", 2)])]
    (one,) = tokenized(records, policy.renderer)
    reading = choose_strategy(policy.model, CPU.device)
    (element,) = judged(policy, CPU, reading, [one], GIVEN)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.02)
    (margins,) = margins_of(policy.model, CPU, reading, [element], beta=0.3)
    assert len(margins) == 2
    (again,) = margins_of(policy.model, CPU, Strategy("full"), [element], beta=0.3)
    torch.testing.assert_close(margins, again, atol=1e-5, rtol=1e-5)
    assert float(ranking_loss(margins)) == pytest.approx(float(-logsigmoid(margins).mean()))
    (moved,) = margins_of(policy.model, CPU, reading, [element], beta=0.6)
    torch.testing.assert_close(moved, 2 * margins)


def test_dpo_learns_an_order_and_goes_on_after_a_stop_as_if_there_had_been_none(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rankings = {
        split: [
            ranking(first + n, [("zebra", 1), ("horse", 2), ("donkey", 3)], prompt=f"{split} {n}") for n in range(count)
        ]
        for split, first, count in (("train", 1, 8), ("valid", 101, 2))
    }
    data = write_snapshot(tmp_path / "data", rankings=rankings)
    options = ("--epochs", "4", "--rankings-per-batch", "4", "--checkpoint-every", "5", "--learning-rate", "0.01")
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert train("dpo", data, tiny_base, whole, *options) == 0
    found = metrics(whole)
    assert found["figures"]["valid_accuracy"] == 1
    steps = events(whole, "step")
    assert steps[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # the policy is the reference
    assert steps[-1]["loss"] < 0.4
    shown = events(whole, "samples")
    assert [(event["step"], len(event["samples"])) for event in shown] == [(0, 2), (8, 2)]

    def stop(number: int, *_: object, **__: object) -> None:
        if number == 7:
            raise Failed("Stopped.")

    with monkeypatch.context() as patched:
        patched.setattr("policy_trainer.dpo.refuse_spike", stop)
        assert train("dpo", data, tiny_base, parted, *options) == 1
    assert train("dpo", data, tiny_base, parted, *options) == 0
    assert weights(parted) == weights(whole)


def test_best_of_n_gives_a_curve_and_a_snapshot_to_tune_on(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path
) -> None:
    watched = ("--watched-reward-model", str(tiny_watched_reward_model))
    options = ("--reward-model", str(tiny_reward_model), *watched, "--n", "4",
               "--max-new-tokens", "60", "--split", "train", "--dtype", "float32")  # fmt: skip
    best = tmp_path / "best"
    out = tmp_path / "curve.json"
    assert run("best-of-n", snapshot, tiny_base, out, *options, "--snapshot", str(best)) == 0
    measured_on = ("--split", "valid", "--snapshot", str(tmp_path / "leaking"))
    assert run("best-of-n", snapshot, tiny_base, tmp_path / "other.json", *options, *measured_on) != 0
    assert not (tmp_path / "leaking").exists()
    rows = json.loads(out.read_text())["rows"]
    assert [row["n"] for row in rows] == [1, 2, 4]
    assert rows[0]["reward"] < rows[1]["reward"] < rows[2]["reward"]
    assert all(row["watched"] != pytest.approx(row["reward"]) for row in rows)
    assert rows[2]["kl"] == pytest.approx(0.636, abs=1e-3)
    written = list(open_snapshot(best).demonstrations("train"))
    assert 0 < len(written) <= 8
    assert {one.source for one in written} == {"best_of_n"}
    assert all(len(one.completion) < 60 for one in written)  # what has sixty tokens was cut
    assert train("sft", best, tiny_base, tmp_path / "tuned", "--epochs", "1") == 0  # rejection-sampling fine-tuning
    assert metrics(tmp_path / "tuned")["counts"]["train"]["demonstrations"] == len(written)
