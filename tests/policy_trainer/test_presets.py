"""Presets give options that there are, and agree with what they cite."""

from pathlib import Path

import pytest

from lm.errors import Refused
from policy_trainer.__main__ import COMMANDS, presets_of
from policy_trainer.arguments import PpoArguments, SftArguments

TRAINING = [name for name, command in COMMANDS.items() if command.trains]


@pytest.mark.parametrize("command", TRAINING)
def test_every_preset_is_accepted(command: str) -> None:
    presets = presets_of(command)
    assert presets.names() == ["6b", "demo-270m", "tiny"]
    for name in presets.names():
        given = {"data": "d", "base": "b", "output": "o", "reward_model": "r"}
        known = set(COMMANDS[command].arguments.__dataclass_fields__)
        COMMANDS[command].arguments(**{key: value for key, value in given.items() if key in known} | presets.read(name))


def test_the_6b_presets_have_the_papers_numbers() -> None:
    sft = presets_of("sft").read("6b")
    assert (sft["epochs"], sft["batch_size"], sft["learning_rate"]) == (16, 32, 9.65e-6)
    ppo = presets_of("ppo").read("6b")
    for name in ("episodes", "batch", "minibatch", "beta", "gamma", "ema_decay", "pretraining_examples"):
        assert ppo[name] == getattr(PpoArguments, name)
    assert sft["residual_dropout"] == SftArguments.residual_dropout


def test_an_option_of_another_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("gamma = 1.0\n")
    with pytest.raises(Refused, match="sft has no option gamma"):
        presets_of("sft").read(str(tmp_path / "own.toml"))
