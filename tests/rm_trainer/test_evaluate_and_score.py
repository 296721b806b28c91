"""`python -m rm_trainer evaluate` and `score` on a trained checkpoint."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rm_trainer.__main__ import main
from tests.lm.snapshots import ranking, write_snapshot
from tests.rm_trainer.commands import ROOT, read_json, train, train_argv
from tests.rm_trainer.conftest import zebra_rankings
from tests.tiny_models import make_tiny_model

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, zebra_snapshot: Path, tiny_base: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    assert train(zebra_snapshot, tiny_base, output) == 0
    return output


def evaluate(data: Path, model: Path, output: Path, *options: str) -> int:
    return main(["evaluate", "--data", str(data), "--model", str(model), "--output", str(output), *options])


def score(model: Path, lines: list[Any], tmp_path: Path, *options: str) -> list[dict[str, Any]]:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    files = ["--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["score", "--model", str(model), *files, *options]) == 0
    return [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_an_evaluation_gives_what_training_measured(trained: Path, zebra_snapshot: Path, tmp_path: Path) -> None:
    assert evaluate(zebra_snapshot, trained, tmp_path / "valid.json") == 0
    evaluation, metrics = read_json(tmp_path / "valid.json"), read_json(trained / "metrics.json")
    measured = {name: value for name, value in evaluation["metrics"].items() if name in metrics["valid"]}
    assert measured.keys() == metrics["valid"].keys()
    for name, value in metrics["valid"].items():
        assert measured[name] == pytest.approx(value, abs=1e-5)
    assert evaluation["snapshot_sha256"] == metrics["snapshot_sha256"]
    for analysis in (evaluation["analysis"], metrics["analysis"]["valid"]):
        assert analysis["parts"]["policy"].keys() == {"tiny"}
        assert analysis["calibration"]["ece"] == pytest.approx(evaluation["analysis"]["calibration"]["ece"], abs=1e-3)


def test_the_labelers_agreement_stands_beside_the_models(
    trained: Path, zebra_snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two labelers rank the same ten tasks alike, but for one pair of whose two they prefer different ones."""
    rankings: list[dict[str, Any]] = []
    for task in range(1, 11):
        for labeler in ("L1", "L2"):
            words = [("zebra dog", 1), ("cat", 2 if labeler == "L1" else 3), ("cow", 3 if labeler == "L1" else 2)]
            record = ranking(task, [*words, ("frog", 4)])
            rankings.append(record | {"ranking_id": len(rankings), "task_id": task, "labeler": labeler})
    data = write_snapshot(tmp_path / "data", rankings={"valid": rankings})
    assert evaluate(data, trained, tmp_path / "shared.json") == 0
    said = capsys.readouterr().err
    assert "Labelers agree with each other on 83.3% of 60 pairs of 10 shared tasks" in said
    assert evaluate(zebra_snapshot, trained, tmp_path / "valid.json") == 0
    assert "Not enough shared tasks" in capsys.readouterr().err


def test_an_evaluation_holds_every_ranking_with_shifted_rewards(
    trained: Path, zebra_snapshot: Path, tmp_path: Path
) -> None:
    assert evaluate(zebra_snapshot, trained, tmp_path / "test.json", "--split", "test") == 0
    evaluation = read_json(tmp_path / "test.json")
    assert [one["ranking_id"] for one in evaluation["rankings"]] == list(range(2001, 2011))
    first = evaluation["rankings"][0]
    record = json.loads((zebra_snapshot / "rankings" / "test.jsonl").read_text().splitlines()[0])
    lines = [{"prompt": record["prompt"], "completion": one["text"]} for one in record["completions"]]
    rewards = [line["reward"] for line in score(trained, lines, tmp_path)]
    assert first["rewards"] == pytest.approx(rewards, abs=1e-4)
    assert first["completion_ids"] == [one["completion_id"] for one in record["completions"]]


def test_two_models_are_compared_on_the_same_rankings(
    trained: Path, zebra_snapshot: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """A model trained for nothing (one step at a rate of almost 0) is near chance where the trained one is right."""
    options = ["--learning-rate", "1e-9", "--rankings-per-batch", "200"]
    assert train(zebra_snapshot, tiny_base, tmp_path / "idle", *options) == 0
    assert evaluate(zebra_snapshot, tmp_path / "idle", tmp_path / "old.json") == 0
    assert evaluate(zebra_snapshot, trained, tmp_path / "new.json", "--current", str(tmp_path / "old.json")) == 0
    (tmp_path / "junk.json").write_text("{}")
    junk = ["--current", str(tmp_path / "junk.json")]
    assert evaluate(zebra_snapshot, trained, tmp_path / "other.json", *junk) == 2
    new, old = read_json(tmp_path / "new.json"), read_json(tmp_path / "old.json")
    assert [one["ranking_id"] for one in new["rankings"]] == [one["ranking_id"] for one in old["rankings"]]
    for name, difference in (("prompt_accuracy", "difference"), ("pair_accuracy", "pair_difference")):
        gain = new["metrics"][name] - old["metrics"][name]
        assert new["comparison"][difference] == pytest.approx(gain)
    assert new["comparison"]["interval"][0] > 0
    assert old["comparison"]["current"] == 0.5  # beside chance, where no other model is named
    assert new["metrics"]["prompt_accuracy"] > old["metrics"]["prompt_accuracy_interval"][1]


def test_one_file_holds_the_frozen_split_and_the_newest_batch_of_both_models(trained: Path, tmp_path: Path) -> None:
    """Ranked on the 1st and the 3rd of January; new is what was ranked after the 2nd, in valid and in test."""
    days = ("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z")
    splits = {"train": range(1, 5), "valid": range(11, 15), "test": range(21, 25)}
    rankings = {
        split: [one | {"submitted_at": days[one["ranking_id"] % 2]} for one in zebra_rankings(ids)]
        for split, ids in splits.items()
    }
    data = write_snapshot(tmp_path / "data", rankings=rankings)
    options = ["--split", "test", "--newest-since", "2026-01-02T00:00:00Z", "--confidence", "0.8"]
    assert evaluate(data, trained, tmp_path / "old.json", *options) == 0
    assert evaluate(data, trained, tmp_path / "new.json", *options, "--current", str(tmp_path / "old.json")) == 0
    evaluation = read_json(tmp_path / "new.json")
    newest = evaluation["newest"]
    assert [one["ranking_id"] for one in evaluation["rankings"]] == [21, 22, 23, 24]
    assert [one["ranking_id"] for one in newest["rankings"]] == [11, 13, 21, 23]
    assert evaluation["comparison"]["rankings"] == newest["comparison"]["rankings"] == 4
    assert newest["comparison"]["confidence"] == 0.8
    assert newest["comparison"]["difference"] == evaluation["comparison"]["difference"] == 0
    assert newest["rankings"][2] == evaluation["rankings"][0]
    assert read_json(tmp_path / "old.json")["newest"]["comparison"]["difference"] > 0.2  # zebras beside chance

    assert evaluate(data, trained, tmp_path / "late.json", "--newest-since", "2026-02-01T00:00:00Z") == 0
    late = read_json(tmp_path / "late.json")["newest"]
    assert (late["metrics"], late["comparison"], late["rankings"]) == (None, None, [])


def test_rankings_that_do_not_say_when_they_were_handed_in_are_not_new(
    trained: Path, zebra_snapshot: Path, tmp_path: Path
) -> None:
    assert evaluate(zebra_snapshot, trained, tmp_path / "x.json", "--newest-since", "2026-01-02T00:00:00Z") == 0
    assert read_json(tmp_path / "x.json")["newest"]["rankings"] == []


def test_a_model_is_judged_in_the_precision_that_it_was_trained_in(
    zebra_snapshot: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """In another one the same test set would have two figures."""
    argv = train_argv(zebra_snapshot, tiny_base, tmp_path / "out")
    argv[argv.index("--dtype") + 1] = "bfloat16"
    assert main(argv) == 0
    assert evaluate(zebra_snapshot, tmp_path / "out", tmp_path / "test.json", "--split", "test") == 0
    evaluation, metrics = read_json(tmp_path / "test.json"), read_json(tmp_path / "out" / "metrics.json")
    assert evaluation["dtype"] == metrics["dtype"] == "bfloat16"
    assert evaluation["metrics"]["log_loss"] == pytest.approx(metrics["test"]["log_loss"], rel=1e-3)


def test_a_batch_that_cannot_be_placed_in_time_is_refused(
    trained: Path, zebra_snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for since, says in (
        ("yesterday", "'yesterday' is no time"),
        ("2026-01-02", "does not say in which zone"),
    ):
        assert evaluate(zebra_snapshot, trained, tmp_path / "x.json", "--newest-since", since) == 2
        assert says in capsys.readouterr().err
    assert evaluate(zebra_snapshot, trained, tmp_path / "x.json", "--confidence", "1") == 2
    assert "--confidence is 1.0" in capsys.readouterr().err


def test_an_evaluation_without_a_pair_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": [ranking(1, [("a", 1), ("b", 1)])]})
    assert evaluate(data, trained, tmp_path / "valid.json") == 2
    assert "has no rankings in the split valid (it has: train)" in capsys.readouterr().err
    assert evaluate(data, trained, tmp_path / "valid.json", "--split", "train") == 2
    assert "All 1 rankings in the split train" in capsys.readouterr().err
    assert not (tmp_path / "valid.json").exists()


def test_a_score_is_plain_transformers_logit_plus_the_shift(trained: Path, tmp_path: Path) -> None:
    (line,) = score(trained, [{"prompt": HI, "completion": "Hello, zebra!", "id": 7}], tmp_path)
    assert line["id"] == 7

    tokenizer = AutoTokenizer.from_pretrained(trained)
    model = AutoModelForSequenceClassification.from_pretrained(trained)
    text = tokenizer.apply_chat_template([*HI, {"role": "assistant", "content": "Hello, zebra!"}], tokenize=False)
    with torch.no_grad():
        logit = model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits.item()
    assert line["reward"] == pytest.approx(logit + model.config.reward_bias, abs=1e-5)


@pytest.mark.parametrize("lost", [("pad_token",), ("pad_token", "bos_token")])
def test_the_same_holds_for_a_base_model_without_template_and_padding(
    tmp_path: Path, zebra_snapshot: Path, lost: tuple[str, ...]
) -> None:
    base = make_tiny_model(tmp_path / "base", chat_template=False)
    config = read_json(base / "tokenizer_config.json")
    (base / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if k not in lost}))
    assert train(zebra_snapshot, base, tmp_path / "out") == 0
    (line,) = score(tmp_path / "out", [{"prompt": HI, "completion": "A zebra."}], tmp_path)

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    ids = tokenizer("User: Hi\n\nAssistant: A zebra.<eos>", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logit = model(ids).logits.item()
    assert line["reward"] == pytest.approx(logit + model.config.reward_bias, abs=1e-5)


def test_batches_keep_the_order_and_change_no_reward(trained: Path, tmp_path: Path) -> None:
    lines = [{"prompt": HI, "completion": "zebra " * count} for count in range(1, 8)]
    one_by_one = [line["reward"] for line in score(trained, lines, tmp_path, "--batch-size", "1")]
    together = [line["reward"] for line in score(trained, lines, tmp_path, "--batch-size", "3")]
    assert together == pytest.approx(one_by_one, abs=1e-5)
    assert len(set(one_by_one)) == 7


def test_a_shortened_prompt_is_said(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score(trained, [{"prompt": [{"role": "user", "content": "x" * 600}], "completion": "y"}], tmp_path)
    assert "1 prompt was over 512 tokens" in capsys.readouterr().err


def line_of(**message: str) -> str:
    """A line whose only message says something else than it may."""
    whole = {"role": "user", "content": "Hi"} | message
    return json.dumps({"prompt": [whole], "completion": "x"}).replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "Line 2 of the input can't be scored"),
        ('{"completion": "x"}', '"prompt" is missing'),
        ('{"prompt": "Hi", "completion": "x"}', '"prompt" is str, not list'),
        ('{"prompt": [], "completion": "x"}', "There are no messages"),
        ('{"prompt": [{"role": "user", "content": "Hi"}], "completion": " "}', "The completion has no text"),
        (line_of(role="human"), "Message 1 has the role 'human'; it must be system, user or assistant"),
        (line_of(role="assistant"), "Message 1 is from the assistant, but no user message comes before it"),
        (line_of(content="\\ud83d"), "Message 1: Character 1 is U+D83D"),
        (line_of(name="Al"), "Message 1 has the key “name”"),
        (json.dumps({"prompt": HI, "completion": "x", "reward": 1}), 'it has a "reward" already'),
        (json.dumps({"prompt": HI, "completion": "x"})[:-1] + ', "prompt": []}', '"prompt" is there twice'),
        (json.dumps({"prompt": HI, "completion": "x", "id": float("nan")}), "NaN is no number that JSON knows"),
        ("[]", "it is not a JSON object"),
        (
            json.dumps({"prompt": HI, "completion": "x" * 600}),
            "Line 2 of the input can't be scored: its longest completion takes",
        ),
    ],
)
def test_a_line_that_cannot_be_scored_is_refused_with_its_number(
    trained: Path, tmp_path: Path, line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps({"prompt": HI, "completion": "x"})
    (tmp_path / "in.jsonl").write_text(f"{good}\n{line}\n")
    files = ["--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["score", "--model", str(trained), *files]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_input_and_a_language_model_are_refused(
    trained: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--model", str(trained), "--input", "/nowhere.jsonl", "--output", "-"]) == 2
    assert "/nowhere.jsonl does not exist" in capsys.readouterr().err
    assert main(["score", "--model", str(tiny_base), "--input", "-", "--output", "-"]) == 2
    assert "is not a reward model" in capsys.readouterr().err


def test_a_reward_that_is_no_number_fails(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rm_trainer.evaluate.score_hidden", lambda *_: torch.full((1,), torch.nan))
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"prompt": HI, "completion": "x"}).encode()))
    )
    assert main(["score", "--model", str(trained), "--input", "-", "--output", "-"]) == 1
    assert "not a finite number" in capsys.readouterr().err


def test_score_works_in_a_pipe(trained: Path) -> None:
    line = json.dumps({"prompt": HI, "completion": "Grüße, 斑马!"}, ensure_ascii=False)
    result = subprocess.run(
        [sys.executable, "-m", "rm_trainer", "score", "--model", str(trained), "--input", "-", "--output", "-"],
        cwd=ROOT, input=line, capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    (scored,) = [json.loads(one) for one in result.stdout.splitlines()]
    assert scored["completion"] == "Grüße, 斑马!"
    assert isinstance(scored["reward"], float)
