"""Two reward models beside each other on the same rankings, with the interval of their difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrPromise

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice
from labeling.base.admin.filters import by_choice
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import ModelKind
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.training.admin.evaluation_charts import bounds_of
from labeling.training.admin.failures import failure_of
from labeling.training.admin.measures import MEASURES
from labeling.training.admin.sentences import FAILURES
from labeling.training.models import EVALUATED, ModelComparison
from labeling.training.services.comparisons import COMPARISONS, ComparisonResult, request_comparison
from rm_trainer.evaluation.figures import Comparison

SNAPSHOTS_OFFERED = 30
SPLITS = [("test", lazy("Test")), ("valid", lazy("Validation"))]


def _versions() -> list[tuple[str, str]]:
    return [
        (str(pk), name) for pk, name in ModelVersion.objects.filter(kind=ModelKind.REWARD).values_list("pk", "name")
    ]


def _snapshots() -> list[tuple[str, str]]:
    """Those that hold comparisons of a split that nothing is trained on, the latest first."""
    return [
        (str(snapshot.pk), str(snapshot))
        for snapshot in Snapshot.objects.order_by("-id")[:SNAPSHOTS_OFFERED]
        if any(snapshot.counts.get(split, {}).get("usable_pairs") for split in EVALUATED)
    ]


class CompareForm(forms.Form):
    first = choice(lazy("First"), _versions)
    second = choice(lazy("Second"), _versions)
    snapshot = choice(lazy("Snapshot"), _snapshots, help_text=lazy("On whose rankings both are measured."))
    split = choice(lazy("Split"), SPLITS, help_text=lazy("Neither is trained on either of them."))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of both. Intervals are 95%, each model's own."""

    name: StrPromise
    first: str
    first_interval: str
    second: str
    second_interval: str
    colour: str
    """The second one's, where one of them is better."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Second − first in accuracy averaged over prompts, by a bootstrap that draws both models together."""

    value: str
    interval: str
    rankings: int
    prompts: int
    words: str
    verdict: str


def rows_of(result: ComparisonResult) -> list[Row]:
    """Every figure that both have."""
    return [
        _row(name, words, result["first"], result["second"])
        for name, words in MEASURES.items()
        if name in result["first"] and name in result["second"]
    ]


def _row(name: str, words: StrPromise, first: Mapping[str, object], second: Mapping[str, object]) -> Row:
    share = name.endswith("accuracy")
    form = "{:.1%}" if share else "{:.3f}"
    before, after = first[name], second[name]
    assert isinstance(before, float)
    assert isinstance(after, float)
    return Row(
        name=words,
        first=form.format(before),
        first_interval=_interval(bounds_of(first, name), form),
        second=form.format(after),
        second_interval=_interval(bounds_of(second, name), form),
        colour="" if after == before else "cc-better" if (after > before) == share else "cc-worse",
    )


def difference_of(compared: ModelComparison, comparison: Comparison) -> Difference:
    bounds = comparison["interval"]
    value = f"{comparison['difference']:+.1%}"
    interval = _interval((bounds[0], bounds[1]) if bounds else None, "{:+.1%}")
    return Difference(
        value=value,
        interval=interval,
        rankings=comparison["rankings"],
        prompts=comparison["prompts"],
        words=_(
            "%(second)s − %(first)s: %(value)s in accuracy averaged over prompts, with the 95%% interval %(interval)s; "
            "with a probability of %(probability)s the second is better."
        )
        % {
            "second": compared.second,
            "first": compared.first,
            "value": value,
            "interval": interval,
            "probability": f"{comparison['probability_better']:.1%}",
        },
        verdict=_verdict(comparison),
    )


def _verdict(comparison: Comparison) -> str:
    bounds = comparison["interval"]
    if not bounds:
        return _("There is not enough data to tell them apart.")
    if bounds[0] > 0:
        return _("The second is better: the whole interval of the difference is above 0.")
    if bounds[1] < 0:
        return _("The first is better: the whole interval of the difference is below 0.")
    return _("Not told apart: the interval of the difference holds 0.")


def _interval(bounds: tuple[float, float] | None, form: str) -> str:
    return " – ".join(form.format(bound) for bound in bounds) if bounds else _("not enough data")


def compare_page(noun: BaseAdmin, request: HttpRequest, *, first: ModelVersion | None = None) -> HttpResponse:
    """The form that asks for a comparison."""

    def act(cleaned: dict[str, Any]) -> str:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        asked = request_comparison(
            first=ModelVersion.objects.get(pk=cleaned["first"]),
            second=ModelVersion.objects.get(pk=cleaned["second"]),
            snapshot=Snapshot.objects.get(pk=cleaned["snapshot"]),
            split=cleaned["split"],
            by=request.user,
        )
        noun.log_addition(request, asked, [{"added": {}}])
        if COMPARISONS.send():
            return _("“%(asked)s” is on its way to a training worker.") % {"asked": asked}
        return _("“%(asked)s” waits: Redis can't be reached, beat sends it later.") % {"asked": asked}

    confirmation = Confirmation(
        title=_("Compare two reward models"),
        consequences=[
            _("A training worker measures both on the same rankings. A page then shows each figure with its interval, "
              "and the interval of their difference, for which both are drawn together."),
        ],
        button=_("Compare"),
        back=reverse("admin:labeling_modelcomparison_changelist"),
        form=partial(CompareForm, initial={"first": first.pk if first else None}),
    )  # fmt: skip
    return confirm(noun, request, confirmation, act)


@admin.register(ModelComparison)
class ModelComparisonAdmin(RecordAdmin):
    list_display = (
        "name",
        "show_state",
        "difference",
        shown("snapshot", lazy("Snapshot")),
        shown("split", lazy("Split")),
        shown("asked_at", lazy("Asked")),
    )
    list_filter = by_choice("state")
    list_select_related = ("first", "second", "snapshot")
    search_fields = ("first__name", "second__name")
    change_form_outer_before_template = "training/admin/comparison.html"
    fields = ("first", "second", "snapshot", "split", "asked_by", "asked_at", "finished_at", "worker")
    actions_list = ("compare",)

    def page_context(self, request: HttpRequest, comparison: ModelComparison) -> dict[str, Any]:
        result: ComparisonResult | None = comparison.result
        return super().page_context(request, comparison) | {
            "comparison": comparison,
            "rows": rows_of(result) if result else [],
            "difference": difference_of(comparison, result["comparison"]) if result else None,
            "failure": failure_of(comparison.failure, FAILURES, {}),
            "state_colour": STATE_COLOURS[comparison.state],
        }

    @column(lazy("Comparison"), ordering="pk")
    def name(self, comparison: ModelComparison) -> str:
        return str(comparison)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, comparison: ModelComparison) -> tuple[str, str]:
        return state_label(comparison)

    @column(lazy("Difference"))
    def difference(self, comparison: ModelComparison) -> str:
        if comparison.result is None:
            return ""
        found = difference_of(comparison, comparison.result["comparison"])
        return f"{found.value} ({found.interval})"

    @button(lazy("Compare two"), icon="compare_arrows", primary=True)
    def compare(self, request: HttpRequest) -> HttpResponse:
        return compare_page(self, request)
