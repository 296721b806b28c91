"""Answers to be read by people."""

from collections.abc import Sequence

from lm.progress import Sample
from policy_trainer.rollout import Rollout


def samples_of(rollouts: Sequence[Rollout], rewards: Sequence[float | None]) -> list[Sample]:
    """The first answer of each rollout, with its reward."""
    return [
        Sample(
            prompt=list(one.prompt.messages),
            text=one.texts[0],
            finish_reason="stop" if one.ended[0] else "length",
            reward=reward,
        )
        for one, reward in zip(rollouts, rewards, strict=False)
    ]
