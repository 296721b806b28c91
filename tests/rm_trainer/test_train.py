"""`python -m rm_trainer train`, from a snapshot to a checkpoint."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from rm_trainer.__main__ import main
from tests.lm.snapshots import Record, demonstration, ranking, write_snapshot
from tests.rm_trainer.commands import events, read_json, train, train_argv
from tests.rm_trainer.conftest import zebra_rankings
from tests.tiny_models import make_tiny_model

FEW = zebra_rankings(range(1, 5))


def weights(directory: Path) -> str:
    return hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The message of the error event, which standard error repeats for people."""
    captured = capsys.readouterr()
    (event,) = events(captured.out)
    assert event["event"] == "error"
    assert event["message"] in captured.err
    return str(event["message"])


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_a_preset_rule_is_learned_and_holds_on_prompts_never_seen(
    tmp_path: Path, zebra_snapshot: Path, architecture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_tiny_model(tmp_path / "base", architecture=architecture)
    assert train(zebra_snapshot, base, tmp_path / "out", "--eval-every", "8") == 0

    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["valid"]["pair_accuracy"] > 0.8
    assert (metrics["valid"]["prompt_accuracy_interval"] or [1.0])[0] > 0.7  # none where all are right
    assert metrics["test"]["pair_accuracy"] > 0.8
    assert metrics["train"]["last_loss"] < metrics["train"]["first_loss"]

    said = events(capsys.readouterr().out)
    assert said[0] == {
        "event": "start",
        "steps": 15,
        "train_rankings": 120,
        "train_pairs": metrics["counts"]["train"]["pairs"],
        "valid_rankings": 40,
    }
    steps = [event for event in said if event["event"] == "step"]
    assert [event["step"] for event in steps] == list(range(1, 16))
    assert set(steps[0]) == {"event", "step", "steps", "loss", "accuracy", "learning_rate", "seconds", "tokens"}
    assert [event["step"] for event in said if event["event"] == "valid"] == [8, 15]
    assert said[-1] == {"event": "done", "output": str(tmp_path / "out")}
    log = (tmp_path / "out" / "training_log.jsonl").read_text()
    assert events(log) == said[:-1]


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_plain_transformers_loads_the_checkpoint_with_every_weight(
    tmp_path: Path, zebra_snapshot: Path, architecture: str
) -> None:
    base = make_tiny_model(tmp_path / "base", architecture=architecture)
    assert train(zebra_snapshot, base, tmp_path / "out") == 0
    model, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.config.num_labels == 1
    assert model.dtype == torch.float32
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "chat_template.jinja",
        "config.json",
        "manifest.json",
        "metrics.json",
        "model.safetensors",
        "tensorboard",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_log.jsonl",
    ]


def test_metrics_say_from_what_with_what_and_for_how_long(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path
) -> None:
    assert train(zebra_snapshot, tiny_base, tmp_path / "out", "--seed", "5") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["snapshot_sha256"] == read_json(zebra_snapshot / "manifest.json")["sha256"]
    assert metrics["demonstrations_sha256"] == metrics["snapshot_sha256"]
    assert metrics["schedule"]["learning_rate"] == 3e-3
    assert metrics["schedule"]["final_learning_rate"] == pytest.approx(3e-4)
    assert metrics["config"]["seed"] == metrics["seed"] == 5
    assert metrics["tokens"]["trained"] == metrics["counts"]["train"]["tokens"] > 0
    assert metrics["seconds"]["total"] >= metrics["seconds"]["training"] > metrics["seconds"]["waiting_for_data"] > 0
    assert metrics["versions"]["torch"] == torch.__version__
    assert (metrics["device"], metrics["dtype"], metrics["template"]) == ("cpu", "float32", "chat")


def test_demonstrations_have_mean_reward_zero(tmp_path: Path, zebra_snapshot: Path, tiny_base: Path) -> None:
    assert train(zebra_snapshot, tiny_base, tmp_path / "out") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["demonstrations"]["count"] == 5
    assert abs(metrics["demonstrations"]["mean_reward"]) < 1e-3
    assert metrics["reward_bias"] == read_json(tmp_path / "out" / "config.json")["reward_bias"]
    assert abs(metrics["reward_bias"]) > 0.1


def test_demonstrations_may_come_from_another_snapshot(tmp_path: Path, zebra_snapshot: Path, tiny_base: Path) -> None:
    ideals = write_snapshot(
        tmp_path / "ideals", demonstrations={"train": [demonstration(1, "frog"), demonstration(2, "cow")]}
    )
    assert train(zebra_snapshot, tiny_base, tmp_path / "out", "--demonstrations", str(ideals)) == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["demonstrations"]["count"] == 2
    assert metrics["demonstrations_sha256"] == read_json(ideals / "manifest.json")["sha256"]


def test_without_demonstrations_the_bias_is_zero_and_that_is_said(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    assert train(data, tiny_base, tmp_path / "out") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["reward_bias"] == 0
    assert "no demonstrations" in metrics["demonstrations"]["note"]
    assert metrics["valid"] is metrics["test"] is None
    said = capsys.readouterr().err
    assert "nothing to validate on" in said
    assert "the rewards have no bias" in said


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path: Path, tiny_base: Path) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 20))})
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert train(data, tiny_base, tmp_path / name, "--seed", seed) == 0
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_ties_and_dropped_tokens_are_counted_and_said(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tiny tokenizer makes a token of a letter: a prompt of 600 is over the limit of 512, a tie gives no pair."""
    rankings = [*FEW, ranking(90, [("a", 1), ("b", 1)]), ranking(91, [("a", 1), ("bb", 2)], prompt="x" * 600)]
    data = write_snapshot(tmp_path / "data", rankings={"train": rankings})
    assert train(data, tiny_base, tmp_path / "out") == 0
    counts = read_json(tmp_path / "out" / "metrics.json")["counts"]["train"]
    assert (counts["rankings"], counts["tied_rankings"], counts["prompts"]) == (6, 1, 5)
    assert counts["shortened_prompts"] == 1
    assert counts["dropped_prompt_tokens"] > 88
    said = capsys.readouterr().err
    assert "1 ranking is one single tie" in said
    assert "1 prompt is over 512 tokens" in said
    assert "reads 512 tokens, less than --max-length 2048" in said


def test_one_prompt_of_one_labeler_is_enough_to_run(tmp_path: Path, tiny_base: Path) -> None:
    """Nothing is learned from it that holds, and the figures say so: they have no intervals."""
    one = [ranking(1, [("good", 1), ("bad", 2)])]
    data = write_snapshot(tmp_path / "data", rankings={"train": one, "valid": [ranking(2, [("good", 1), ("bad", 2)])]})
    assert train(data, tiny_base, tmp_path / "out", "--epochs", "2") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["counts"]["train"]["pairs"] == metrics["valid"]["prompts"] == 1
    assert metrics["valid"]["pair_accuracy_interval"] is None
    assert "not enough data" in (tmp_path / "out" / "README.md").read_text()


def test_from_two_to_ten_completions_are_trained_on_together(tmp_path: Path, tiny_base: Path) -> None:
    """K completions without a tie make K(K−1)/2 pairs: 1 + 3 + 6 + 10 + 15 + 21 + 28 + 36 + 45 = 165."""
    mixed = [ranking(k, [(f"answer {n}", n) for n in range(1, k + 1)]) for k in range(2, 11)]
    data = write_snapshot(tmp_path / "data", rankings={"train": mixed, "valid": mixed})
    assert train(data, tiny_base, tmp_path / "out", "--rankings-per-batch", "9", "--seed", "1") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["counts"]["train"]["pairs"] == metrics["valid"]["pairs"] == 165
    assert metrics["counts"]["train"]["completions"] == 54


def test_of_an_improved_completion_the_edit_beats_the_chosen_which_beats_the_rejected(
    tmp_path: Path, tiny_base: Path
) -> None:
    """As an export writes it: the edit comes last, alone at rank 1. Three ranks make three pairs."""
    edited = ranking(1, [("chosen", 2), ("rejected", 3), ("the chosen, edited", 1)])
    edited["completions"][2] |= {"completion_id": None, "edited": True, "demonstration_id": 5}
    edited["strengths"] = [None, 4]
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW, "valid": [edited]})
    assert train(data, tiny_base, tmp_path / "out", "--strength", "margin") == 0
    assert read_json(tmp_path / "out" / "metrics.json")["valid"]["pairs"] == 3
    output = tmp_path / "evaluation.json"
    argv = ["evaluate", "--data", str(data), "--model", str(tmp_path / "out"), "--output", str(output)]
    assert main(argv) == 0
    (outcome,) = read_json(output)["rankings"]
    assert outcome["completion_ids"] == [10, 11, -5]
    assert outcome["ranks"] == [2, 3, 1]
    chosen, rejected, edit = outcome["rewards"]
    assert outcome["correct"] == (edit > chosen) + (edit > rejected) + (chosen > rejected)


def test_two_labelers_who_disagree_about_a_task_pull_against_each_other(tmp_path: Path, tiny_base: Path) -> None:
    """Each of a task's rankings counts as one: of one pair, ranked both ways, the best loss is log 2 at equal scores,
    where the gradient is 0, so that after many steps the loss is there and the accuracy is a half.
    """
    both = [ranking(1, [("a", 1), ("b", 2)], prompt_id=7), ranking(2, [("a", 2), ("b", 1)], prompt_id=7)]
    data = write_snapshot(tmp_path / "data", rankings={"train": both})
    options = ("--rankings-per-batch", "2", "--epochs", "60")
    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert (metrics["counts"]["train"]["rankings"], metrics["counts"]["train"]["prompts"]) == (2, 1)
    assert metrics["train"]["pair_accuracy"] == 0.5
    assert metrics["train"]["last_loss"] == pytest.approx(0.6931, abs=1e-3)


def test_prompts_that_are_tested_and_trained_on_are_counted_and_said(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what they say and not by their ids: of another campaign, of a dialogue that goes on, in other white space."""
    pair = [("a", 1), ("b", 2)]
    dialogue = ranking(74, pair, prompt="Name a bird.")
    dialogue["prompt"] += [{"role": "assistant", "content": "A tit."}, {"role": "user", "content": "Another?"}]
    valid = [
        ranking(71, pair, prompt="name a  bird. "),
        ranking(72, pair, prompt="Write about an animal."),
        ranking(73, pair, prompt="Name a fish.", prompt_id=1),
        dialogue,
    ]
    data = write_snapshot(
        tmp_path / "data", rankings={"train": [*FEW, ranking(9, pair, prompt="Name a bird.")], "valid": valid}
    )
    assert train(data, tiny_base, tmp_path / "out") == 0
    counts = read_json(tmp_path / "out" / "metrics.json")["counts"]
    assert (counts["train"]["also_in_train"], counts["valid"]["also_in_train"]) == (0, 3)
    assert "valid: 3 of its prompts begin like one that is trained on as well" in capsys.readouterr().err


def test_a_split_of_many_files_trains_to_the_same_bytes_as_one(tmp_path: Path, tiny_base: Path) -> None:
    rankings = {"train": zebra_rankings(range(1, 20)), "valid": FEW}
    for name, size in (("one", None), ("many", 3)):
        data = write_snapshot(tmp_path / f"data-{name}", rankings=rankings, shard_size=size)
        assert train(data, tiny_base, tmp_path / name) == 0
    assert weights(tmp_path / "one") == weights(tmp_path / "many")


def test_tokens_are_kept_in_the_cache_that_is_named(tmp_path: Path, tiny_base: Path) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW, "valid": FEW[:1]})
    for name in ("first", "second"):
        assert train(data, tiny_base, tmp_path / name, "--cache-directory", str(tmp_path / "cache")) == 0
        entries = {path: path.stat().st_ino for path in (tmp_path / "cache").glob("[0-9a-f]*")}
        assert len(entries) == 2
        if name == "first":
            made = entries
    assert made == entries
    assert weights(tmp_path / "first") == weights(tmp_path / "second")


@pytest.mark.parametrize(
    ("rankings", "words"),
    [
        ({"valid": FEW}, r"has no rankings in the split train \(it has: valid\)"),
        ({}, "holds no rankings. Export it with --format rankings"),
        ({"train": [ranking(1, [("a", 1), ("b", 1)])]}, "All 1 training rankings in .* are ties"),
        (
            {"train": [ranking(7, [("a", 1), ("b" * 600, 2)])]},
            r"Of 1 training rankings .* none leaves a pair .*first in ranking 7: it takes \d+ tokens, and the limit",
        ),
        ({"train": [FEW[0], *FEW]}, "holds ranking 1 more than once in its split train"),
        ({"train": [ranking(7, [("a", 1), (" ", 2)])]}, "1 completion is empty and left out .first in ranking 7"),
        ({"train": [ranking(7, [("a", 1), ("b", 3)])]}, "Line 1 of .* has no completion at rank 2"),
        ({"train": FEW, "valid": [ranking(8, [("a", 1)])]}, "ranking 8 has 1 completions"),
    ],
)
def test_what_cannot_be_trained_from_is_refused(
    tmp_path: Path, tiny_base: Path, rankings: dict[str, list[Record]], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings=rankings)
    assert train(data, tiny_base, tmp_path / "out") == 2
    assert re.search(words, refusal(capsys))
    assert not (tmp_path / "out").exists()


def test_a_damaged_snapshot_is_refused(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(zebra_snapshot, tmp_path / "damaged")
    with (damaged / "rankings" / "test.jsonl").open("a") as file:
        file.write("\n")
    assert train(damaged, tiny_base, tmp_path / "out") == 2
    assert "rankings/test.jsonl does not match" in refusal(capsys)


def test_a_snapshot_of_demonstrations_without_any_is_refused(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    assert train(zebra_snapshot, tiny_base, tmp_path / "out", "--demonstrations", str(data)) == 2
    assert "has no demonstrations in its train split" in refusal(capsys)


def test_what_does_not_fit_is_left_out_counted_and_said_and_the_run_goes_on(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of ranking 90 two completions stay; of 91 and 92 nothing to compare. Of the demonstrations one stays."""
    rankings = [
        *FEW,
        ranking(90, [("good", 1), ("x" * 600, 2), ("bad", 3)]),
        ranking(91, [("x" * 600, 1), ("bad", 2)]),
        ranking(92, [("good", 1), (" ", 2)]),
    ]
    ideals = [demonstration(31, "x" * 600), demonstration(32, "\n"), demonstration(33, "a frog")]
    data = write_snapshot(
        tmp_path / "data", rankings={"train": rankings, "valid": rankings[4:]}, demonstrations={"train": ideals}
    )
    assert train(data, tiny_base, tmp_path / "out") == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    counts = metrics["counts"]
    assert (counts["train"]["rankings"], metrics["train"]["rankings"]) == (7, 5)
    assert counts["valid"]["pairs"] == metrics["valid"]["pairs"] == 1
    for split in ("train", "valid"):
        assert counts[split]["too_long_completions"] == 2
        assert counts[split]["empty_completions"] == 1
        assert counts[split]["incomparable_rankings"] == 2
    ideal = counts["demonstrations"]
    assert (ideal["demonstrations"], ideal["too_long_completions"], ideal["empty_completions"]) == (1, 1, 1)
    assert metrics["demonstrations"]["count"] == 1
    said = capsys.readouterr().err
    assert "train: 2 completions don't fit the limit by themselves" in said
    assert "first in ranking 90: it takes" in said
    assert "train: 1 completion is empty and left out (first in ranking 92)." in said
    assert "first in demonstration 31" in said
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| train | 7 | 5 | " in card


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--base", "/nowhere/model"], "/nowhere/model does not exist"),
        (["--device", "cuda:99"], "--device cuda:99 can't be used here"),
        (["--epochs", "0"], "--epochs is 0"),
        (["--freeze-layers", "3"], "--freeze-layers 3 is more than the 2 layers"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, options: list[str], words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert train(zebra_snapshot, tiny_base, tmp_path / "out", *options) == 2
    assert words in refusal(capsys)


def test_an_output_in_use_is_refused_and_left_alone(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").write_text("x")
    assert train(zebra_snapshot, tiny_base, tmp_path) == 2
    assert "exists and is not empty" in refusal(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_loss_that_explodes_fails_with_the_batchs_rankings_and_leaves_nothing(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 30))})
    assert train(data, tiny_base, tmp_path / "out", "--learning-rate", "1e30", "--clip", "0") == 1
    message = events(capsys.readouterr().out)[-1]["message"]
    assert "The rankings of this batch:" in message
    assert not (tmp_path / "out").exists()


def test_for_people_everything_goes_to_standard_error(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW, "valid": FEW})
    argv = [part for part in train_argv(data, tiny_base, tmp_path / "out") if part not in ("--progress", "jsonl")]
    assert main(argv) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "step 1/1  loss" in captured.err
    assert "valid after step 1" in captured.err


def test_an_unexpected_error_reaches_the_reader_of_the_progress_lines(
    tmp_path: Path, zebra_snapshot: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setattr("rm_trainer.train.ranking_loss", explode)
    assert train(zebra_snapshot, tiny_base, tmp_path / "out") == 1
    captured = capsys.readouterr()
    last = json.loads(captured.out.splitlines()[-1])
    assert last == {"event": "error", "message": "RuntimeError: CUDA error: an illegal memory access"}
    assert "Traceback" in captured.err


@pytest.mark.parametrize(
    "options", [("--recompute-activations",), ("--tokens-per-microbatch", "1")], ids=["recomputed", "one at a time"]
)
def test_neither_recomputed_activations_nor_the_split_of_a_batch_change_a_loss_on_the_way(
    tmp_path: Path, tiny_base: Path, options: tuple[str, ...]
) -> None:
    """1 × 8 and 8 × 1 take the same steps; with a budget of one token every ranking is a micro-batch of its own."""
    data = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    losses = []
    for name, given in (("plain", ()), ("other", options)):
        assert train(data, tiny_base, tmp_path / name, "--epochs", "3", *given) == 0
        log = events((tmp_path / name / "training_log.jsonl").read_text())
        losses.append([event["loss"] for event in log if event["event"] == "step"])
    assert len(losses[0]) >= 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
