"""What the trainer says in English is read in the language of whoever looks."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.admin.told import told
from labeling.policies.admin.sentences import OF_THE_TRAINER, decision_in_words, failure_in_words
from policy_trainer.arguments import PpoArguments
from policy_trainer.watch import Look, Seen, reason_to_stop
from tests.labeling.refusals_said import refusals_said

ROOT = Path(__file__).resolve().parents[3]
OF_THE_COMMAND_LINE = {
    (
        "--snapshot is for tuning on, and the prompts of the split 7 are measured on. Give --split train, or leave "
        "--snapshot out."
    ),
    "7 has no prompts that can be answered in the split 7.",
    "All of the best answers are empty or were cut. There is nothing to tune on.",
}
"""Of `best-of-n`, which no run of the product is."""


def refusals(folder: str, **parts: str) -> set[str]:
    """The sentences with which it refuses and fails, with 7 for each of their parts."""
    return set(refusals_said(sorted((ROOT / folder).glob("*.py")), {"Refused", "Failed", "UnusableModel"}, parts))


def test_each_refusal_of_the_trainer_is_read_in_chinese_and_no_other_is_translated() -> None:
    uttered = refusals("policy_trainer")
    with translation.override("zh-hans"):
        known = {text for text in uttered if failure_in_words(text) != text}
        assert uttered - known == OF_THE_COMMAND_LINE
        assert [one for one in OF_THE_TRAINER if all(told(text, [one]) == text for text in uttered)] == []


@pytest.mark.parametrize("kind", ["rankings", "prompts", "demonstrations"])
def test_numbers_that_are_none_are_read_in_chinese_with_what_the_batch_is_of(kind: str) -> None:
    said = [text for text in refusals("lm/training", of=kind) if text.startswith("Step 7")]
    assert len(said) == 2
    with translation.override("zh-hans"):
        assert [text for text in said if failure_in_words(text) == text] == []


def test_the_options_that_every_trainer_refuses_are_read_in_chinese() -> None:
    said = {text for text in refusals("lm/training") if text.startswith(("7 is 7; it must", "--lora"))}
    assert len(said) == 5
    with translation.override("zh-hans"):
        assert {text for text in said if refusal_in_words(ValueError(f"--{text.removeprefix('--')}")) == text} == set()


def stop(*, kl: float = 1.0, entropy: float = 2.0, length: float = 30.0, looks: list[Any] | None = None) -> str:
    arguments = PpoArguments(base="b", data=ROOT, output=ROOT, reward_model=ROOT, patience=1)
    seen = [Seen(kl=1.0, entropy=2.0, length=30.0), Seen(kl=kl, entropy=entropy, length=length)]
    return reason_to_stop(seen, looks or [], arguments)


def test_why_ppo_stops_is_read_in_chinese() -> None:
    best = Look.of(1, [0.1, 0.2], [1.0, 1.1], [0.0, 0.0], length=9.0, ended=1.0)
    fell = Look.of(2, [0.8, 0.9], [0.0, 0.1], [0.0, 0.0], length=9.0, ended=1.0)
    reasons = [stop(kl=31.0), stop(entropy=0.01), stop(length=1.0), stop(looks=[best, fell])]
    for reason, chinese in zip(reasons, ("预算", "熵", "缩短", "讨好"), strict=True):
        decision = f"The training stopped by itself: {reason}"
        assert decision_in_words(decision) == decision
        with translation.override("zh-hans"):
            assert decision_in_words(decision).startswith("训练自行停止：")
            assert chinese in decision_in_words(decision)
