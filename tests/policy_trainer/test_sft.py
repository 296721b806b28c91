"""`python -m policy_trainer sft`, from the snapshot to a model that answers."""

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from lm.errors import Failed
from policy_trainer.choosing import chosen, no_better, table
from policy_trainer.metrics import EpochRow
from policy_trainer.model import load_policy
from policy_trainer.rollout import Sampling, prompt_of, sample
from tests.lm.snapshots import demonstration, ranking, write_snapshot
from tests.policy_trainer.commands import events, metrics, train, weights
from tests.policy_trainer.conftest import WORDS
from tests.policy_trainer.known_optimum.language import CPU

pytestmark = pytest.mark.training


def test_a_model_learns_four_demonstrations_by_heart_and_stops_where_they_do(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path
) -> None:
    """S12. The whole table is there, and the epoch that the reward model likes best is kept."""
    out = tmp_path / "out"
    options = ("--epochs", "6", "--learning-rate", "0.01", "--reward-model", str(tiny_reward_model))
    assert train("sft", snapshot, tiny_base, out, *options, "--max-new-tokens", "8") == 0
    found = metrics(out)
    rows = found["epochs"]
    assert [row["epoch"] for row in rows] == list(range(7))
    assert rows[0]["train_loss"] is None
    best = max(rows[1:], key=lambda row: (row["reward"], -row["epoch"]))
    assert found["chosen"] == best["step"]
    assert "mean reward of its samples" in found["chosen_by"]
    assert [event["step"] for event in events(out, "samples")] == [row["step"] for row in rows] == list(range(7))
    assert [event["loss"] for event in events(out, "valid")] == [row["valid_loss"] for row in rows]
    assert len(events(out, "samples")[0]["samples"]) == 4
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"]  # the base's
    assert "## Epochs" in (out / "README.md").read_text()

    by_loss = tmp_path / "by_loss"
    data = write_snapshot(
        tmp_path / "data",
        demonstrations={"train": [demonstration(n, "a zebra", prompt=f"show {one}") for n, one in enumerate(WORDS, 1)]},
    )
    often = ("--epochs", "15", "--batch-size", "1", "--learning-rate", "0.01")
    assert train("sft", data, tiny_base, by_loss, *often) == 0
    assert metrics(by_loss)["chosen_by"] == "being the last, as there was nothing to validate on"
    policy = load_policy(str(by_loss), max_length=512)
    prompts = [prompt_of(policy, 1, [{"role": "user", "content": f"show {one}"}]) for one in WORDS]
    answers = sample(policy, CPU, prompts, Sampling(completions=1, max_new_tokens=20, temperature=0), seed=0, version=0)
    assert [one.texts[0] for one in answers] == ["a zebra"] * 4
    assert all(one.ended[0] for one in answers)
    AutoModelForCausalLM.from_pretrained(by_loss)
    assert AutoTokenizer.from_pretrained(by_loss).chat_template


def test_a_run_that_ends_in_the_middle_goes_on_as_if_it_had_not(
    tmp_path: Path, snapshot: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout and pretraining text: every random number is a function of seed and step. S22."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("Once upon a time. " * 20)
    options = (
        "--epochs", "3", "--batch-size", "3", "--residual-dropout", "0.2", "--checkpoint-every", "3",
        "--pretraining", str(tmp_path / "text"), "--pretraining-share", "0.4", "--pretraining-length", "32",
    )  # fmt: skip
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert train("sft", snapshot, tiny_base, whole, *options) == 0
    with monkeypatch.context() as patched:
        patched.setattr("policy_trainer.sft.refuse_spike", _stop_at(4))
        assert train("sft", snapshot, tiny_base, parted, *options) == 1
    assert not parted.exists()
    assert train("sft", snapshot, tiny_base, parted, *options) == 0
    assert weights(parted) == weights(whole)
    assert metrics(parted)["epochs"] == metrics(whole)["epochs"]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"whole", "parted", "text"}
    assert train("sft", snapshot, tiny_base, tmp_path / "dry", *options[:4], "--residual-dropout", "0") == 0
    assert weights(tmp_path / "dry") != weights(whole)


def _stop_at(step: int) -> object:
    def stop(number: int, *_: object, **__: object) -> None:
        if number == step:
            raise Failed("Stopped.")

    return stop


def test_adapters_are_in_the_written_weights(tmp_path: Path, snapshot: Path, tiny_base: Path) -> None:
    out = tmp_path / "out"
    assert train("sft", snapshot, tiny_base, out, "--lora-rank", "4", "--epochs", "1", "--keep-epochs") == 0
    assert weights(out) != weights(tiny_base)
    assert weights(out / "epochs" / "epoch-01") == weights(out)
    load_policy(str(out), max_length=64)  # which refuses weights that are missing


def test_demonstrations_that_teach_nothing_are_refused(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = write_snapshot(tmp_path / "none", rankings={"train": [ranking(1, [("a", 1), ("b", 2)])]})
    assert train("sft", none, tiny_base, tmp_path / "out") == 2
    assert "has no demonstrations in its split train" in capsys.readouterr().err
    long = write_snapshot(tmp_path / "long", demonstrations={"train": [demonstration(1, "x" * 600)]})
    assert train("sft", long, tiny_base, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "None of 1 demonstrations" in said
    assert "none is ever cut" in said
    one = write_snapshot(tmp_path / "one", demonstrations={"train": [demonstration(1, "x")]})
    assert train("sft", one, tiny_base, tmp_path / "out", "--epochs", "1") == 0
    assert "There is one demonstration" in capsys.readouterr().err
    assert train("sft", one, tiny_base, tmp_path / "out") == 2
    assert "exists and is not empty" in capsys.readouterr().err


def row(epoch: int, valid: float | None, reward: float | None) -> EpochRow:
    return EpochRow(
        epoch=epoch, step=epoch, train_loss=1.0, valid_loss=valid, reward=reward, reward_error=None, length=3, ended=1
    )


def test_the_reward_chooses_before_the_loss_and_of_equals_the_earlier() -> None:
    """The paper's point: the loss says the first epoch, the reward a later one; both can be seen."""
    rows = [row(1, 1.0, 0.1), row(2, 1.2, 0.5), row(3, 1.5, 0.5)]
    assert chosen(rows)[0]["epoch"] == 2
    assert chosen([row(1, 1.0, None), row(2, 0.9, None), row(3, 0.9, None)])[0]["epoch"] == 2
    assert chosen([row(1, None, None), row(2, None, None)])[0]["epoch"] == 2
    assert len(table(rows).splitlines()) == 4


def test_it_is_said_where_no_epoch_is_better_than_the_model_was_before_training(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path
) -> None:
    """A step that moves nothing; by the loss, and by the reward."""
    still = ("--epochs", "1", "--learning-rate", "1e-30", "--max-new-tokens", "4")
    for name, more in (("loss", ()), ("reward", ("--reward-model", str(tiny_reward_model)))):
        out = tmp_path / name
        assert train("sft", snapshot, tiny_base, out, *still, *more) == 0
        before, after = metrics(out)["epochs"]
        assert before["valid_loss"] == pytest.approx(after["valid_loss"])
        (said,) = [note for note in metrics(out)["notes"] if note.startswith("No epoch is better")]
        assert {"loss": "by its validation loss", "reward": "by its reward of samples"}[name] in said
    better = row(1, 0.9, 0.2)
    assert no_better(row(0, 1.0, 0.1), better) == no_better(row(0, 0.8, None), row(1, None, 0.2)) == ""
    assert no_better(row(0, 0.8, 0.1), better) == ""  # chosen by the reward
