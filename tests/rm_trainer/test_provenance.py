"""manifest.json and the model card beside a checkpoint."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from huggingface_hub import ModelCard

from lm.training.provenance import LM, code_version
from rm_trainer.metrics import Metrics
from rm_trainer.model_card import model_card
from tests.lm.snapshots import write_snapshot
from tests.rm_trainer.commands import read_json, train
from tests.rm_trainer.conftest import zebra_rankings

ONE_STEP = ("--rankings-per-batch", "200")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, zebra_snapshot: Path, tiny_base: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "reward-1"
    assert train(zebra_snapshot, tiny_base, output, *ONE_STEP) == 0
    return output


def test_the_manifest_names_every_file_by_its_hash(trained: Path) -> None:
    manifest = read_json(trained / "manifest.json")
    there = {path.relative_to(trained).as_posix(): path for path in trained.rglob("*") if path.is_file()}
    assert manifest["files"].keys() == there.keys() - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == digest


def test_the_manifest_says_from_what_with_what_and_where(trained: Path, zebra_snapshot: Path) -> None:
    manifest, metrics = read_json(trained / "manifest.json"), read_json(trained / "metrics.json")
    assert manifest["snapshot_sha256"] == read_json(zebra_snapshot / "manifest.json")["sha256"]
    assert manifest["packages"]["torch"] == torch.__version__
    assert (manifest["device"], manifest["seed"]) == ("cpu", 0)
    assert manifest["seconds"]["total"] > 0
    assert manifest["tokens"]["trained"] == metrics["counts"]["train"]["tokens"]
    assert manifest["energy"].keys() == {"joules", "parts", "note"}
    assert len(manifest["code"]["sources_sha256"]) == 64
    assert metrics["snapshot"]["filters"]["include_simulated"] is False


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", *who, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_code_is_known_by_its_commit_and_by_its_text(tmp_path: Path) -> None:
    code = tmp_path / "rm_trainer"
    code.mkdir()
    (code / "a.py").write_text("1")
    unknown = code_version(code)
    assert unknown["commit"] is None
    assert unknown["modified"] is None

    git(tmp_path, "init")
    assert code_version(code)["commit"] is None  # somebody else's work tree that doesn't hold this code
    git(tmp_path, "add", "rm_trainer")
    git(tmp_path, "commit", "-m", "a")
    committed = code_version(code)
    assert committed["commit"] == git(tmp_path, "rev-parse", "HEAD")
    assert committed["modified"] is False
    assert committed["sources_sha256"] == unknown["sources_sha256"]

    (code / "a.py").write_text("2")
    changed = code_version(code)
    assert changed["modified"] is True
    assert changed["sources_sha256"] != committed["sources_sha256"]


def test_without_git_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_version(LM)["commit"] is None


def test_the_card_is_one_that_the_hub_reads(trained: Path) -> None:
    card = ModelCard.load(trained / "README.md")
    assert card.data.library_name == "transformers"
    assert "reward-model" in card.data.tags
    assert card.data.eval_results is not None
    metrics = read_json(trained / "metrics.json")
    values = {one.dataset_split: one.metric_value for one in card.data.eval_results}
    assert values["validation"] == pytest.approx(metrics["valid"]["pair_accuracy"], abs=1e-4)
    for figure in (metrics["snapshot_sha256"], f"{metrics['test']['prompt_accuracy']:.1%}", "Not enough shared tasks"):
        assert figure in card.text


def test_the_cards_code_gives_the_reward(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands there, with the directory put in."""
    code = (trained / "README.md").read_text().split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {"DIRECTORY": str(trained)}
    exec(code, names)
    (tmp_path / "in.jsonl").write_text('{"prompt": [{"role": "user", "content": "Hi"}], "completion": "Hello!"}\n')
    from rm_trainer.__main__ import main

    capsys.readouterr()
    assert main(["score", "--model", str(trained), "--input", str(tmp_path / "in.jsonl"), "--output", "-"]) == 0
    assert f'"reward": {names["reward"]:.4f}'[:-1] in capsys.readouterr().out


def test_a_card_of_little_says_what_is_missing(tmp_path: Path, tiny_base: Path) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 5))})
    base = shutil.copytree(tiny_base, tmp_path / "base")
    assert train(data, base, tmp_path / "out", *ONE_STEP) == 0
    metrics = read_json(tmp_path / "out" / "metrics.json")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "It was not validated" in text
    assert "a reward's level means nothing" in text
    assert "base_model" not in text  # a directory is no name on the hub
    metrics["base"] = "google/gemma-3-270m"
    metrics["snapshot"]["filters"]["include_simulated"] = True
    card = model_card(cast("Metrics", metrics), name="out")
    assert vars(ModelCard(card).data)["base_model"] == "google/gemma-3-270m"
    assert "preset rule, not people" in card
