"""A model's training data and options, and how it carries over to labelers whose rankings it was not trained on.

What the pages of a model version and of its training run show alike.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.model_versions.models import ModelVersion
from labeling.training.admin.evaluation import Figure, evaluations, share
from labeling.training.services.retraining import FOLDS
from lm.run_facts import CodeVersion, Energy
from rm_trainer.evaluation.figures import AcrossFolds, FoldFigures, FoldsFigures
from rm_trainer.metrics import Metrics


def facts(metrics: Metrics) -> list[tuple[StrOrPromise, str]]:
    """(what, value), of metrics.json; nothing for a model that wasn't trained here."""
    if "config" not in metrics:
        return []
    seconds = metrics.get("seconds")
    found = {
        _("Base"): metrics.get("base"),
        _("Snapshot"): metrics.get("snapshot_sha256"),
        _("Code"): _code(metrics.get("code")),
        _("Device"): f"{metrics.get('device')}, {metrics.get('dtype')}",
        _("Seed"): metrics.get("seed"),
        _("Steps"): f"{metrics['schedule']['steps']:,}" if metrics.get("schedule") else None,
        _("Time"): _time(seconds["total"] if seconds else None),
        _("Tokens"): f"{metrics['tokens']['trained']:,}" if metrics.get("tokens") else None,
        _("Energy"): _energy(metrics.get("energy")),
        _("Reward bias"): _bias(metrics),
        _("Left out or not read"): _left_out(metrics),
        _("Packages"): ", ".join(f"{name} {version}" for name, version in (metrics.get("versions") or {}).items()),
    }
    return [(name, str(value)) for name, value in found.items() if value not in (None, "")]


LEFT_OUT = {
    "too_long_completions": lazy("completions too long"),
    "empty_completions": lazy("completions empty"),
    "same_tokens_completions": lazy("completions that the chat template makes equal to one of another rank"),
    "refused_records": lazy("refused by the chat template"),
    "incomparable_rankings": lazy("rankings with nothing left to compare"),
    "unread_messages": lazy("messages that the chat template leaves out"),
    "shortened_prompts": lazy("prompts shortened"),
    "other_half": lazy("rankings left to the other half"),
    "also_in_train": lazy("prompts that begin like one that was trained on"),
}
"""What metrics.json counts by split beside what was learned and judged (docs/reward_model.md)."""


def _left_out(metrics: Metrics) -> str:
    """Says by split what the model did not learn from or was not fairly judged by; "" where all was used."""
    said = [
        (split, ", ".join(f"{counts[name]:,} {words}" for name, words in LEFT_OUT.items() if counts.get(name)))
        for split, counts in (metrics.get("counts") or {}).items()
    ]
    return "; ".join(f"{split}: {what}" for split, what in said if what)


def _code(code: CodeVersion | None) -> str:
    if code is None:
        return ""
    commit = code["commit"]
    changed = _(" with changes that were not committed") if code["modified"] else ""
    text = f"{commit[:12]}{changed}, " if commit else ""
    return f"{text}sha256 {code['sources_sha256'][:12]}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _energy(energy: Energy | None) -> str:
    if energy is None:
        return ""
    if energy["joules"] is None:
        return _("unknown: %(why)s") % {"why": energy["note"]} if energy["note"] else ""
    return f"{energy['joules'] / 3.6e6:.3f} kWh"


def _bias(metrics: Metrics) -> str:
    ideal = metrics.get("demonstrations")
    if not ideal or ideal["mean_reward"] is None:
        return _("none: there were no demonstrations")
    return _("%(bias)s, so that %(count)d demonstrations have mean %(mean)s") % {
        "bias": f"{metrics['reward_bias']:+.4f}",
        "count": ideal["count"],
        "mean": f"{ideal['mean_reward']:+.6f}",
    }


@dataclass(frozen=True, kw_only=True)
class Fold:
    number: int
    labelers: str
    own: Figure | None
    held_out: Figure | None


@dataclass(frozen=True, kw_only=True)
class Folds:
    """`between`: mean ± standard error of the folds, as InstructGPT gives them: own, held out."""

    folds: list[Fold]
    figures: list[Figure]
    between: tuple[str, str]


def folds_of(model: str) -> Folds | None:
    """What `python -m rm_trainer folds` left beside the model as NAME.folds/folds.json; None where it didn't."""
    try:
        content: FoldsFigures = json.loads(Path(f"{model}{FOLDS}", "folds.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    both = (
        (_("Labelers it was trained on"), content["own"]),
        (_("Labelers it was not trained on"), content["held_out"]),
    )
    figures = [share(measured, "pair_accuracy", words) for words, measured in both if measured]
    if content["difference"]:
        difference = {**content["difference"], "pair_accuracy_interval": content["difference"]["interval"]}
        figures.append(share(difference, "pair_accuracy", _("Difference")))
    if content["ceiling"]["agreement"] is not None:
        figures.append(share(content["ceiling"], "agreement", _("Labelers agree with each other")))
    between = content["between_folds"]
    return Folds(
        folds=[_fold(fold) for fold in content["folds"]],
        figures=figures,
        between=(_plus_minus(between["own"]), _plus_minus(between["held_out"])),
    )


def _fold(fold: FoldFigures) -> Fold:
    return Fold(
        number=fold["number"],
        labelers=", ".join(fold["labelers"]),
        own=share(fold["own"], "pair_accuracy", "") if fold["own"] else None,
        held_out=share(fold["held_out"], "pair_accuracy", "") if fold["held_out"] else None,
    )


def _plus_minus(between: AcrossFolds) -> str:
    if between["mean"] is None:
        return "–"
    error = between["standard_error"]
    return f"{between['mean']:.1%}" if error is None else f"{between['mean']:.1%} ± {error:.1%}"


def evaluation_context(version: ModelVersion | None) -> dict[str, Any]:
    """What training/admin/evaluation.html shows; nothing of a model that is not known."""
    if version is None:
        return {}
    return {
        "evaluations": evaluations(version.metrics),
        "folds": folds_of(version.path),
        "provenance": facts(version.metrics),
    }
