"""What the trainer says in English is read in the language of whoever looks."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import translation

from labeling.policies.admin.sentences import OF_THE_TRAINER, decision_in_words, failure_in_words
from policy_trainer.arguments import PpoArguments
from policy_trainer.watch import Look, Seen, reason_to_stop

ROOT = Path(__file__).resolve().parents[3]


def refusals() -> Iterator[str]:
    """The sentences with which policy_trainer refuses and fails, with 7 for each of their parts."""
    for file in (ROOT / "policy_trainer").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Refused", "Failed") and node.args:
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)


def test_each_refusal_that_is_translated_is_one_that_the_trainer_utters() -> None:
    with translation.override("zh-hans"):
        told = [text for text in refusals() if failure_in_words(text) != text]
    assert len(told) == len(OF_THE_TRAINER)


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
