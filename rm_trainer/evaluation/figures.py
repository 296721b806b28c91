"""The shape of an evaluation's figures, as metrics.json and evaluation.json hold them. No imports that cost anything.

`…_interval` is 95%, [low, high], from a bootstrap that draws whole prompts; None where the figure doesn't exist, and
where all draws are alike: so few prompts, or so equal ones, don't say how far it may be off.
"""

from typing import TypedDict

Interval = list[float] | None


class Summary(TypedDict):
    """How well rewards agree with rankings: `metrics.summarise` says what each figure is."""

    rankings: int
    prompts: int
    pairs: int
    pair_accuracy: float
    prompt_accuracy: float
    log_loss: float
    loss: float
    pair_accuracy_interval: Interval
    prompt_accuracy_interval: Interval
    log_loss_interval: Interval
    loss_interval: Interval


class CalibrationBin(TypedDict):
    pairs: int
    probability: float
    accuracy: float
    accuracy_interval: Interval


class Calibration(TypedDict):
    ece: float
    ece_interval: Interval
    bins: list[CalibrationBin]
    temperature: float
    temperature_interval: Interval


class Length(TypedDict):
    shorter_won_pairs: int
    correlation: float | None
    shorter_won_accuracy: float | None
    longer_is_better_accuracy: float | None
    correlation_interval: Interval
    shorter_won_accuracy_interval: Interval
    longer_is_better_accuracy_interval: Interval


class Ceiling(TypedDict):
    """The labelers' agreement; `note` says why there is none."""

    tasks: int
    pairs: int
    agreement: float | None
    agreement_interval: Interval
    standard_error: float | None
    model: Summary | None
    note: str | None


class BestOfN(TypedDict):
    """One row of the curve: the best of `n`."""

    n: int
    kl: float
    rankings: int
    prompts: int
    win_rate: float | None
    win_rate_interval: Interval
    labelers_win_rate: float
    quality: float | None
    quality_interval: Interval


class Analysis(TypedDict):
    """`parts`: by what a part is of (use case, language, …), then by its name."""

    calibration: Calibration
    length: Length
    ceiling: Ceiling
    best_of_n: list[BestOfN]
    parts: dict[str, dict[str, Summary]]


class Comparison(TypedDict):
    """Two models on the same rankings: `paired.compare` says what each figure is.

    `left_out`: rankings that only one of them could read whole.
    """

    rankings: int
    prompts: int
    pairs: int
    new: float
    current: float
    difference: float
    confidence: float
    lower: float
    interval: Interval
    probability_better: float
    pair_difference: float
    samples: int
    seed: int
    left_out: int


class NewestEvaluation(TypedDict):
    """The figures on the newest batch. Without a ranking there are neither metrics nor a comparison."""

    since: str
    splits: list[str]
    metrics: Summary | None
    comparison: Comparison | None


class Evaluation(TypedDict):
    """What evaluation.json says of a model beside another one, or beside chance (docs/data-contract.md)."""

    metrics: Summary
    comparison: Comparison
    analysis: Analysis
    newest: NewestEvaluation | None


class FoldFigures(TypedDict):
    """One training without the `labelers`: figures on the others' rankings (`own`) and on theirs (`held_out`)."""

    number: int
    labelers: list[str]
    own: Summary | None
    held_out: Summary | None


class FoldsDifference(TypedDict):
    pair_accuracy: float
    interval: Interval


class AcrossFolds(TypedDict):
    folds: int
    mean: float | None
    standard_error: float | None


class BetweenFolds(TypedDict):
    own: AcrossFolds
    held_out: AcrossFolds


class FoldsFigures(TypedDict):
    """What folds.json says (`folding.pooled` says what each figure is)."""

    folds: list[FoldFigures]
    own: Summary | None
    held_out: Summary | None
    difference: FoldsDifference | None
    between_folds: BetweenFolds
    ceiling: Ceiling
