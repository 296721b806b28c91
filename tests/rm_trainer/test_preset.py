"""Presets: files whose values stand in for what the command line leaves out."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, GPTJConfig, LlamaConfig

from lm.errors import Refused
from rm_trainer.__main__ import PRESETS, main
from tests.rm_trainer.commands import read_json

DOCUMENTED = ["6b", "6b-gptj", "demo-270m", "tiny"]


def test_the_presets_are_there() -> None:
    assert PRESETS.names() == DOCUMENTED


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_preset_opens_with_the_command_that_runs_it(name: str) -> None:
    text = (PRESETS.directory / f"{name}.toml").read_text()
    head = "".join(line[1:] for line in text.splitlines() if line.startswith("#"))
    assert f"python -m rm_trainer train --preset {name} --data SNAPSHOT" in head
    assert ("--base" in head.split("--output")[0]) == ("base" not in PRESETS.read(name))


def test_the_6b_presets_are_instructgpts_numbers() -> None:
    """Ouyang et al. 2022, C.2: 64 prompts a batch, one epoch, 9e-6 by cosine to 10%, Adam 0.9 and 0.95."""
    for name in ("6b", "6b-gptj"):
        preset = PRESETS.read(name)
        assert (preset["rankings_per_batch"], preset["epochs"]) == (64, 1)
        assert (preset["learning_rate"], preset["final_learning_rate_fraction"]) == (9e-6, 0.1)
        assert (preset["beta1"], preset["beta2"]) == (0.9, 0.95)


@pytest.mark.parametrize(("name", "config"), [
    ("6b", LlamaConfig(vocab_size=64_000, hidden_size=4096, intermediate_size=11_008, num_key_value_heads=4)),
    ("6b-gptj", GPTJConfig()),
], ids=["01-ai/Yi-6B", "EleutherAI/gpt-j-6b"])  # fmt: skip
def test_the_6b_presets_fit_one_card_with_8_bits_and_several_without(name: str, config: LlamaConfig) -> None:
    """5.8 billion weights: 10 bytes each are 58 GB, 16 are 93 GB."""
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert weights == pytest.approx(5.8e9, rel=0.01)
    assert 10 * weights < 60e9 < 80e9 < 16 * weights
    text = (PRESETS.directory / f"{name}.toml").read_text()
    assert f"torchrun --standalone --nproc-per-node 8 -m rm_trainer train --preset {name} --optimizer adamw" in text
    assert PRESETS.read(name)["optimizer"] == "adamw8bit"
    for said in (f"{round(10 * 5.8)} GB", f"{round(16 * 5.8)} GB", f"{round(16 * 5.8 / 8)} GB of eight"):
        assert said in (PRESETS.directory / "6b.toml").read_text()


def test_a_preset_fills_in_and_the_command_line_wins(tmp_path: Path, zebra_snapshot: Path, tiny_base: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(f'base = "{tiny_base}"\nrankings_per_batch = 60\nlearning_rate = 1e-4\nfreeze_embeddings = true\n')
    argv = ["train", "--preset", str(mine), "--data", str(zebra_snapshot), "--output", str(tmp_path / "out")]
    assert main([*argv, "--learning-rate", "2e-3", "--no-freeze-embeddings"]) == 0
    config = read_json(tmp_path / "out" / "metrics.json")["config"]
    assert (config["base"], config["rankings_per_batch"]) == (str(tiny_base), 60)
    assert (config["learning_rate"], config["freeze_embeddings"]) == (2e-3, False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("learning_rat = 1", "train has no option learning_rat"),
        ("epochs = 1.5", "epochs is 1.5, which is no int"),
        ("freeze_embeddings = 1", "freeze_embeddings is 1, which is no bool"),
        ('learning_rate = "fast"', "learning_rate is 'fast', which is no float"),
        ("epochs 1", "is not a TOML file"),
    ],
)
def test_a_preset_that_says_nonsense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(Refused, match=re.escape(complaint)):
        PRESETS.read(str(path))


def test_an_unknown_preset_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "7b", "--data", "d", "--output", "o"]) == 2
    assert "There is no preset 7b. There are: 6b, 6b-gptj, demo-270m, tiny" in capsys.readouterr().err
