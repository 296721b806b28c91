"""What an evaluation is planned by."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from labeling.base.admin.fields import choice, several, switch, text
from labeling.base.states import ModelKind, ModelState
from labeling.campaigns.models.campaigns import Campaign
from labeling.evaluations.models import SPLITS
from labeling.model_versions.models import ModelVersion

DEMONSTRATIONS = "demonstrations"
OFFERED = 100
"""The latest versions are offered."""


def _named(versions: QuerySet[ModelVersion]) -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in versions.order_by("-pk").values_list("pk", "name")[:OFFERED]]


def _candidates() -> list[tuple[str, str]]:
    return _named(ModelVersion.objects.filter(kind=ModelKind.SFT).exclude(state=ModelState.RETIRED))


def _others() -> list[tuple[str, str]]:
    """Retired ones as well: all policies of a project may be held against the same SFT model."""
    return _named(ModelVersion.objects.filter(kind=ModelKind.SFT))


def _baselines() -> list[tuple[str, Any]]:
    return [*_others(), (DEMONSTRATIONS, lazy("Human demonstrations"))]


def _percent(label: Any, *, initial: float, lowest: float, highest: float, help_text: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        initial=initial,
        min_value=lowest,
        max_value=highest,
        help_text=help_text,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


class PlanForm(forms.Form):
    name = text(lazy("Name"), max_length=200, help_text=lazy("For those who run it. Labelers never see it."))
    source = choice(
        lazy("Campaign"),
        (),
        help_text=lazy("Its held-out prompts are asked, under its instructions and rubric."),
    )
    candidate = choice(lazy("Candidate"), _candidates, help_text=lazy("The model that may be promoted."))
    baseline = choice(lazy("Against"), _baselines, help_text=lazy("Usually the model that is current."))
    others = several(
        lazy("Further models"), _others, help_text=lazy("Ranked beside the two, and no part of the decision.")
    )
    demonstrations = switch(
        lazy("Demonstrations among the answers"), help_text=lazy("Then only prompts with a demonstration are asked.")
    )
    split = choice(
        lazy("Split"),
        SPLITS,
        help_text=lazy("No model learns from either. Checkpoints are chosen by valid."),
    )
    everybody = switch(
        lazy("All labelers judge"),
        help_text=lazy("Off: only held-out labelers, whose rankings no reward model has learned from."),
    )
    margin = _percent(
        lazy("Allowed to be worse by (points)"),
        initial=0,
        lowest=0,
        highest=40,
        help_text=lazy("It passes where its win rate is above 50% less this. 0: it has to be better."),
    )
    gain = _percent(
        lazy("Expected to win more than 50% by (points)"),
        initial=10,
        lowest=0,
        highest=40,
        help_text=lazy("The number of prompts is planned for this."),
    )
    confidence = _percent(lazy("Confidence (%)"), initial=95, lowest=50, highest=99.9, help_text="")
    power = _percent(
        lazy("Power (%)"),
        initial=80,
        lowest=50,
        highest=99.9,
        help_text=lazy("The chance that it passes where it wins as much as expected."),
    )
    rankings_per_prompt = forms.IntegerField(
        label=lazy("Labelers a prompt"), initial=1, min_value=1, max_value=20, widget=UnfoldAdminIntegerFieldWidget()
    )
    promote_automatically = switch(
        lazy("Promote by itself"), help_text=lazy("As soon as it has passed. Off: there is a button for it.")
    )

    def __init__(self, *args: Any, campaigns: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = campaigns.filter(one_each=False, stage="work").order_by("name")
        self.fields["source"].choices = [(str(row.pk), row.name) for row in offered]  # type: ignore[attr-defined]


def what_is_planned(cleaned: dict[str, Any]) -> dict[str, Any]:
    """What plan_evaluation takes, of the form's cleaned data."""
    said = dict(cleaned)
    baseline = said.pop("baseline")
    by_key = ModelVersion.objects.in_bulk(
        [int(key) for key in (said["candidate"], baseline, *said["others"]) if key != DEMONSTRATIONS]
    )
    held_out_only = not said.pop("everybody")
    shares = {name: said.pop(name) / 100 for name in ("margin", "gain", "confidence", "power")}
    return {
        **said,
        **shares,
        "source": Campaign.objects.get(pk=said["source"]),
        "candidate": by_key[int(said["candidate"])],
        "baseline": None if baseline == DEMONSTRATIONS else by_key[int(baseline)],
        "others": [by_key[int(key)] for key in said["others"]],
        "held_out_only": held_out_only,
    }
