"""Metrics of reward models, as rm_trainer writes them, in a form that people compare at a glance. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrPromise

from labeling.training.admin.evaluation_charts import bounds_of, interval_in_words
from rm_trainer.metrics import Metrics

# prompt_accuracy is what promotion goes by, so it comes first.
MEASURES: dict[str, StrPromise] = {
    "prompt_accuracy": gettext_lazy("Accuracy, averaged over prompts"),
    "pair_accuracy": gettext_lazy("Accuracy over all pairs"),
    "log_loss": gettext_lazy("Log loss"),
    "loss": gettext_lazy("Training objective"),
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """`interval` is 95%; `gain` is signed, `better` None where both are equal or one is missing."""

    name: StrPromise
    new: str
    interval: str
    current: str
    gain: str
    better: bool | None


def headline(metrics: Metrics) -> str:
    """The one number of a version: "72.4% on 120 validation rankings"; empty for models without metrics."""
    valid = metrics.get("valid")
    if not valid:
        return ""
    accuracy, rankings = valid["prompt_accuracy"], valid["rankings"]
    text = ngettext(
        "%(accuracy)s on %(count)d validation ranking", "%(accuracy)s on %(count)d validation rankings", rankings
    )
    return text % {"accuracy": f"{accuracy:.1%}", "count": rankings}


def compared(new: Mapping[str, object], current: Mapping[str, object] | None) -> list[Measure]:
    """Every measure of `new` beside that of `current`, taken on the same comparisons."""
    return [
        _measure(name, measured, bounds_of(new, name), (current or {}).get(name))
        for name in MEASURES
        if isinstance(measured := new.get(name), float)
    ]


def _measure(name: str, after: float, interval: tuple[float, float] | None, current: object) -> Measure:
    share = name.endswith("accuracy")
    before = current if isinstance(current, float) else None
    gain = None if before is None else after - before
    return Measure(
        name=MEASURES[name],
        new=_shown(after, share=share),
        interval=interval_in_words(interval, "{:.1%}" if share else "{:.3f}"),
        current=_shown(before, share=share) if before is not None else "–",
        gain="" if gain is None else f"{gain:+.1%}" if share else f"{gain:+.3f}",
        better=None if not gain else (gain > 0) == share,
    )


def _shown(value: float, *, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.3f}"
