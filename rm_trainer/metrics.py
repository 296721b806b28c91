"""The shape of metrics.json, which a training run leaves beside a reward model. No imports that cost anything."""

from typing import TypedDict

from lm.run_facts import RunFacts
from rm_trainer.evaluation.figures import Analysis, Summary


class TrainFigures(TypedDict):
    """Averages over the whole run, each batch measured before its own step: the model was still learning."""

    rankings: int
    pairs: int
    loss: float
    pair_accuracy: float
    first_loss: float
    last_loss: float


class PromptReading(TypedDict):
    """How prompts were read, with the tokens of one pass over a split, shared and unshared.

    `fallback`: why the prompt couldn't be read once. `padding`: the share of padding among the tokens that the layers
    computed in the whole run.
    """

    strategy: str
    fallback: str | None
    tokens: int
    tokens_unshared: int
    padding: float


class DemonstrationFigures(TypedDict):
    """Figures of the written model on the demonstrations; `note` says why there is no mean."""

    count: int
    mean_reward: float | None
    note: str | None


class BiasFigures(TypedDict):
    reward_bias: float
    demonstrations: DemonstrationFigures


class Metrics(RunFacts, BiasFigures):
    """`valid` and `test` are None for a split without a usable pair, and so is what `analysis` has of it.

    `counts`: by split, then by what was counted (docs/reward_model.md).
    """

    schema: int
    train: TrainFigures
    valid: Summary | None
    test: Summary | None
    analysis: dict[str, Analysis | None]
    counts: dict[str, dict[str, int]]
    prompt_reading: PromptReading
    demonstrations_sha256: str | None
