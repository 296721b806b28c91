"""The shape of metrics.json, which every command that trains leaves beside its model."""

from typing import Literal, TypedDict

from lm.run_facts import RunFacts

Method = Literal["sft", "ppo", "dpo"]


class EpochRow(TypedDict):
    """An epoch of SFT; epoch 0 is the base before training, which has no training loss. Losses are means per learned
    token; the reward is the mean of samples on validation prompts, with its standard error; None where there is nothing
    to measure it with or on.
    """

    epoch: int
    step: int
    train_loss: float | None
    valid_loss: float | None
    reward: float | None
    reward_error: float | None
    length: float | None
    ended: float | None
    """Share of samples that ended by themselves."""


class LookRow(TypedDict):
    """A look at held-out prompts in PPO (policy_trainer/watch.py)."""

    iteration: int
    optimised: float
    watched: float
    watched_error: float
    win_rate: float
    length: float
    ended: float


class Metrics(RunFacts):
    """`chosen`: the step whose model was kept, and `chosen_by` what; `figures`: of the last step, by name. `epochs` is
    for SFT and `looks` for PPO, else empty; `stopped`: why it ended early, or ""; `notes`: what the run told people of
    itself.
    """

    schema: int
    method: Method
    counts: dict[str, dict[str, int]]
    figures: dict[str, float]
    chosen: int
    chosen_by: str
    epochs: list[EpochRow]
    looks: list[LookRow]
    stopped: str
    reward_model: str | None
    watched_reward_model: str | None
    prompt_reading: str
    notes: list[str]
