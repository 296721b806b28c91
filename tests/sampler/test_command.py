"""`python -m sampler`: trying a model by hand."""

import sys
from pathlib import Path

import pytest

from sampler.__main__ import main
from tests.tiny_models import make_tiny_model


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sampler", *arguments])
    return main()


def test_completions_are_printed_with_their_seeds_and_the_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(make_tiny_model(tmp_path))
    arguments = (
        "--model",
        model,
        "--prompt",
        "你好",
        "-k",
        "3",
        "--seed",
        "7",
        "--max-new-tokens",
        "5",
        "--device",
        "cpu",
    )
    assert run(monkeypatch, *arguments) == 0
    printed = capsys.readouterr()
    assert [f"--- seed {seed}, " in printed.out for seed in (6, 7, 8, 9, 10)] == [False, True, True, True, False]
    assert "tokens/s" in printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "nowhere", "--prompt", "Hi"), "The model directory nowhere does not exist."),
        (("--model", "MODEL", "--prompt", "x" * 600), "tokens; at most 384 fit"),
        (("--model", "MODEL", "--prompt", "Hi", "--temperature", "-1"), "temperature is -1.0"),
    ],
)
def test_refusals_are_one_line_and_exit_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    model = str(make_tiny_model(tmp_path))
    assert run(monkeypatch, *(model if argument == "MODEL" else argument for argument in arguments)) == 2
    assert words in capsys.readouterr().err
