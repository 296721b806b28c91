"""Values from the command line, and the contradictions that are refused."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from lm.errors import Refused
from lm.training.options import add_options, from_namespace
from rm_trainer.arguments import EvaluateArguments, ScoreArguments, TrainArguments

NEEDED: dict[str, Any] = {"data": Path("snapshot"), "base": "model", "output": Path("out")}


def _parse(*argv: str) -> TrainArguments:
    parser = argparse.ArgumentParser()
    add_options(parser, TrainArguments, {})
    return from_namespace(TrainArguments, parser.parse_args(["--data", "s", "--base", "m", "--output", "o", *argv]))


def test_the_defaults_are_those_of_instructgpt() -> None:
    """Ouyang et al. 2022, C.2: 64 prompts a batch, one epoch, 9e-6 by cosine to 10%, Adam 0.9 and 0.95."""
    arguments = _parse()
    assert (arguments.rankings_per_batch, arguments.epochs) == (64, 1)
    assert (arguments.learning_rate, arguments.final_learning_rate_fraction, arguments.warmup_steps) == (9e-6, 0.1, 0)
    assert (arguments.beta1, arguments.beta2, arguments.weight_decay, arguments.clip) == (0.9, 0.95, 0.0, 1.0)


def test_every_kind_of_value_can_be_set() -> None:
    arguments = _parse(
        "--epochs", "3", "--learning-rate", "1e-5", "--dtype", "float32", "--threads", "2",
        "--freeze-embeddings", "--demonstrations", "d",
    )  # fmt: skip
    assert (arguments.epochs, arguments.learning_rate, arguments.dtype, arguments.threads) == (3, 1e-5, "float32", 2)
    assert arguments.freeze_embeddings
    assert arguments.demonstrations == Path("d")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"epochs": 0}, "--epochs is 0; it must be at least 1"),
        ({"rankings_per_batch": 0}, "--rankings-per-batch is 0"),
        ({"tokens_per_microbatch": 0}, "--tokens-per-microbatch is 0"),
        ({"max_length": 0}, "--max-length is 0"),
        ({"warmup_steps": -1}, "--warmup-steps is -1; it must be at least 0"),
        ({"freeze_layers": -1}, "--freeze-layers is -1"),
        ({"eval_every": -1}, "--eval-every is -1"),
        ({"weight_decay": -0.1}, "--weight-decay is -0.1"),
        ({"clip": float("nan")}, "--clip is nan"),
        ({"seed": -1}, "--seed is -1"),
        ({"threads": 0}, "--threads is 0"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0; it must be a number above 0"),
        ({"learning_rate": float("inf")}, "--learning-rate is inf"),
        ({"adam_epsilon": 0.0}, "--adam-epsilon is 0.0"),
        ({"final_learning_rate_fraction": 1.5}, "--final-learning-rate-fraction is 1.5; it must be between 0 and 1"),
        ({"label_smoothing": 0.5}, "--label-smoothing is 0.5; it must be at least 0 and below 0.5"),
        ({"beta1": 1.0}, "--beta1 is 1.0; it must be at least 0 and below 1"),
        ({"beta2": -0.1}, "--beta2 is -0.1"),
    ],
)
def test_nonsense_is_refused_in_words(value: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        TrainArguments(**NEEDED, **value)


def test_the_other_commands_refuse_nonsense_too() -> None:
    with pytest.raises(Refused, match="--bootstrap-samples is 0"):
        EvaluateArguments(data=Path("s"), model=Path("m"), output=Path("o"), bootstrap_samples=0)
    with pytest.raises(Refused, match="--max-length is 0"):
        EvaluateArguments(data=Path("s"), model=Path("m"), output=Path("o"), max_length=0)
    with pytest.raises(Refused, match="--batch-size is 0"):
        ScoreArguments(model=Path("m"), input="-", output="-", batch_size=0)
    with pytest.raises(Refused, match="--max-length is 0"):
        ScoreArguments(model=Path("m"), input="-", output="-", max_length=0)
