"""What rm_trainer measured of a reward model (metrics.json, folds.json), in a form that people read. Pure.

Figures that an older file doesn't have are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise, StrPromise

from labeling.base.admin.charts import LineChart
from labeling.base.states import Strength, UseCase
from labeling.training.admin.evaluation_charts import best_of_n, bounds_of, interval_in_words, reliability
from rm_trainer.evaluation.figures import Analysis, BestOfN, Ceiling, Summary
from rm_trainer.metrics import Metrics

SLICES: dict[str, StrPromise] = {
    "completions": lazy("Completions ranked (K)"),
    "strength": lazy("How much better, as labelers said"),
    "rank_distance": lazy("Ranks apart, where nobody was asked"),
    "use_case": lazy("Use case"),
    "language": lazy("Language"),
    "length": lazy("Length, by quarters"),
    "policy": lazy("Sampled from"),
    "labeler": lazy("Labeler"),
}
QUARTERS = {"1": lazy("shortest"), "2": lazy("shorter"), "3": lazy("longer"), "4": lazy("longest")}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`meaning` says in a sentence how to read it; `interval` is 95%, empty where there is none."""

    name: StrOrPromise
    value: str
    interval: str
    meaning: StrOrPromise = ""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One row of a table: left, right and middle are where its bar is drawn, in hundredths."""

    name: StrOrPromise
    rankings: int
    pairs: int
    value: str
    interval: str
    left: float
    width: float
    middle: float


@dataclass(frozen=True, kw_only=True)
class Picks:
    """A row of the best-of-n table."""

    n: int
    kl: str
    rankings: int
    value: str
    interval: str
    labelers: str
    quality: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One split."""

    title: StrOrPromise
    rankings: int
    prompts: int
    pairs: int
    headlines: list[Figure]
    figures: list[Figure]
    ceiling_note: str
    reliability: LineChart | None
    best_of_n: LineChart | None
    picks: list[Picks]
    slices: list[tuple[StrOrPromise, list[Slice]]]


def evaluations(metrics: Metrics) -> list[Shown]:
    """Returns the evaluations in metrics.json, one for each split measured, validation first."""
    analysis = metrics.get("analysis") or {}
    measured = ((_("On the validation split"), "valid", metrics.get("valid")),
                (_("On the test split"), "test", metrics.get("test")))  # fmt: skip
    return [_split(title, figures, analysis.get(split)) for title, split, figures in measured if figures]


def _split(title: str, figures: Summary, analysis: Analysis | None) -> Shown:
    picks = analysis["best_of_n"] if analysis else []
    return Shown(
        title=title,
        rankings=figures["rankings"],
        prompts=figures["prompts"],
        pairs=figures["pairs"],
        headlines=list(_headlines(figures, analysis)),
        figures=list(_figures(figures, analysis)),
        ceiling_note=_no_ceiling(analysis["ceiling"]) if analysis else "",
        reliability=reliability(analysis["calibration"]["bins"]) if analysis else None,
        best_of_n=best_of_n(picks),
        picks=[_picks(row) for row in picks],
        slices=[
            (name, [_slice(kind, value, part) for value, part in parts.items()])
            for kind, name in SLICES.items()
            if analysis and (parts := analysis["parts"].get(kind))
        ],
    )


def _headlines(figures: Summary, analysis: Analysis | None) -> Iterator[Figure]:
    yield share(figures, "prompt_accuracy", _("Accuracy, averaged over prompts"))
    if analysis is None:
        return
    ceiling = analysis["ceiling"]
    if ceiling["agreement"] is not None and ceiling["model"] is not None:
        beside = _("the model on the same tasks: %(share)s") % {"share": f"{ceiling['model']['pair_accuracy']:.1%}"}
        yield share(ceiling, "agreement", _("Labelers agree with each other"), beside)
    common = [row for row in analysis["best_of_n"] if 2 * row["rankings"] >= figures["rankings"] and row["n"] > 1]
    if common:  # the largest n that at least half of the rankings have
        name = _("Best of %(n)d beats another completion") % {"n": common[-1]["n"]}
        yield share(common[-1], "win_rate", name)


def _figures(figures: Summary, analysis: Analysis | None) -> Iterator[Figure]:
    yield share(figures, "pair_accuracy", _("Accuracy over all pairs"))
    yield share(
        figures,
        "prompt_accuracy",
        _("Accuracy, averaged over prompts"),
        _("Each prompt counts the same, whatever its K."),
    )
    yield _number(figures, "log_loss", _("Log loss"), _("0.693 is guessing."))
    if analysis is None:
        return
    calibration, length = analysis["calibration"], analysis["length"]
    yield share(calibration, "ece", _("Calibration error (ECE)"), _("How far its certainty is from its share right."))
    yield _number(calibration, "temperature", _("Temperature"), _("Over 1 it is too sure of itself."))
    yield _number(length, "correlation", _("Correlation of reward with length"))
    yield share(length, "shorter_won_accuracy", _("Accuracy where the shorter one won"))
    yield share(
        length, "longer_is_better_accuracy", _("Accuracy of “longer is better”"), _("A rule that sees only length.")
    )


def _no_ceiling(ceiling: Ceiling) -> str:
    if ceiling["agreement"] is not None:
        return ""
    return _(
        "How far labelers agree with each other is unknown: there are not enough tasks that two of them ranked "
        "(%(tasks)d with %(pairs)d comparisons)."
    ) % {"tasks": ceiling["tasks"], "pairs": ceiling["pairs"]}


def _picks(row: BestOfN) -> Picks:
    quality, win_rate = row["quality"], row["win_rate"]
    return Picks(
        n=row["n"],
        kl=f"{row['kl']:.2f}",
        rankings=row["rankings"],
        value="–" if win_rate is None else f"{win_rate:.1%}",
        interval=_interval(row, "win_rate", "{:.1%}") if row["n"] > 1 else "",  # the pick of one is a half
        labelers=f"{row['labelers_win_rate']:.1%}",
        quality="–" if quality is None else f"{quality:.2f}",
    )


def _slice(kind: str, value: str, part: Summary) -> Slice:
    share, interval = part["pair_accuracy"], bounds_of(part, "pair_accuracy")
    low, high = interval or (share, share)
    return Slice(
        name=_word(kind, value),
        rankings=part["rankings"],
        pairs=part["pairs"],
        value=f"{share:.1%}",
        interval=_interval(part, "pair_accuracy", "{:.1%}"),
        left=round(100 * low, 1),
        width=round(100 * (high - low), 1),
        middle=round(100 * share, 1),
    )


def _word(kind: str, value: str) -> StrOrPromise:
    words: Mapping[str, Mapping[str, StrOrPromise]] = {
        "strength": {str(number): word for number, word in Strength.choices} | {"edited": lazy("Improved by hand")},
        "use_case": dict(UseCase.choices),
        "length": QUARTERS,
    }
    return _("unknown") if value == "unknown" else words.get(kind, {}).get(value, value)


def share(figures: Mapping[str, object], name: str, words: str, meaning: str = "") -> Figure:
    return _figure(figures, name, words, meaning, "{:.1%}")


def _number(figures: Mapping[str, object], name: str, words: str, meaning: str = "") -> Figure:
    return _figure(figures, name, words, meaning, "{:.3f}")


def _figure(figures: Mapping[str, object], name: str, words: str, meaning: str, form: str) -> Figure:
    value = figures.get(name)
    shown = "–" if value is None else form.format(value)
    return Figure(name=words, value=shown, interval=_interval(figures, name, form), meaning=meaning)


def _interval(figures: Mapping[str, object], name: str, form: str) -> str:
    return interval_in_words(bounds_of(figures, name), form) if figures.get(name) is not None else ""
