"""The admin's front page, the control room: the pipeline as one picture, what is wrong, and tables with their plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.alerts.models import Silence
from labeling.alerts.queries.notices import Notice, notices
from labeling.base.admin.charts import BarChart, Estimate, LineChart, bar_chart, line_chart
from labeling.base.states import AlertKind, CampaignState, ModelKind
from labeling.console.queries.activity import Day, holders, throughput
from labeling.console.queries.figures import WeekOfAgreement
from labeling.console.queries.pipeline import Pipeline, pipeline
from labeling.console.queries.versions import MeasuredVersion
from labeling.console.views.room import Room, look_of, may_look
from labeling.console.views.tables.names import OF_THE_WHOLE, TABLES
from labeling.console.views.tables.quality import agreement_weeks
from labeling.model_versions.models import ModelVersion
from labeling.training.admin.measures import headline

LABELS_AT_MOST = 14
"""Of days under a chart: more run into each other."""
CAMPAIGNS_IN_ACTIONS = 3
FRESH = timedelta(seconds=5)
"""What is older is shown with its time."""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows to those who may look; a campaign manager's campaigns alone."""
    if not may_look(request):
        return context
    look = look_of(request)
    room = Room(look)
    state = pipeline(campaigns=look.campaigns, figures=room.figures, work=room.work)
    at_work, held = holders(look.campaigns)
    days = throughput(room.work, days=look.days, campaigns=look.campaigns)
    shown = {name: make(room) for name, make in TABLES.items() if look.whole or name not in OF_THE_WHOLE}
    return context | {
        "look": look,
        "pipeline": state,
        "models": _current(state) if look.whole else [],
        "tables": shown,
        "chart": _chart(days),
        "agreement_chart": _agreement(agreement_weeks(room)),
        "accuracy_chart": _accuracy(room.versions) if look.whole else None,
        "holders": at_work,
        "held": held,
        "notices": told(notices()) if look.whole else [],
        "open_campaigns": _newest_open(look.campaigns.values()),
        "as_of": state.counted_at if timezone.now() - state.counted_at > FRESH else None,
        "title": _("Overview"),
    }


@dataclass(frozen=True, kw_only=True)
class Told:
    """A notice with what becomes of it as an alert. `silenced`: until when."""

    notice: Notice
    silence: str
    """The page where alerts of its kind are silenced; empty where it is none, or they are already."""
    silenced: Any = None


def told(found: Sequence[Notice]) -> list[Told]:
    lasting = Silence.objects.filter(until__gt=timezone.now()).order_by("until")
    silenced = dict(lasting.values_list("kind", "until"))  # of several, the last
    return [
        Told(
            notice=each, silence=_silence(each.kind, silenced), silenced=silenced.get(each.kind) if each.kind else None
        )
        for each in found
    ]


def _silence(kind: AlertKind | None, silenced: dict[str, Any]) -> str:
    if kind is None or kind in silenced:
        return ""
    return reverse("admin:labeling_silence_add", query={"kind": kind.value})


def _newest_open(campaigns: Any) -> list[Any]:
    """The newest campaigns that are open to labelers."""
    found = [each for each in campaigns if each.state == CampaignState.ACTIVE and not each.simulated]
    return sorted(found, key=lambda each: -each.pk)[:CAMPAIGNS_IN_ACTIONS]


@dataclass(frozen=True, kw_only=True)
class CurrentModel:
    """The version in use of the SFT model, or of the reward model that is named."""

    kind: ModelKind
    reward_model: str
    version: ModelVersion | None
    headline: str


def _current(state: Pipeline) -> list[CurrentModel]:
    """The SFT model, then that of each reward model that has one. A single one needs no name."""
    sampling = next((version for version in state.current if version.reward_model is None), None)
    rewarding = [version for version in state.current if version.reward_model is not None]
    several = len(rewarding) > 1
    named = [_in_use(ModelKind.REWARD, version, str(version.reward_model) if several else "") for version in rewarding]
    return [_in_use(ModelKind.SFT, sampling, ""), *(named or [_in_use(ModelKind.REWARD, None, "")])]


def _in_use(kind: ModelKind, version: ModelVersion | None, reward_model: str) -> CurrentModel:
    return CurrentModel(
        kind=kind,
        reward_model=reward_model,
        version=version,
        headline=headline(version.metrics) if version else "",
    )


def _chart(days: list[Day]) -> BarChart:
    every = -(-len(days) // LABELS_AT_MOST)
    return bar_chart(
        [
            (
                f"{day.day.day}" if number % every == 0 else "",
                _("%(date)s: %(rankings)d rankings, %(demonstrations)d demonstrations, %(simulated)d simulated")
                % {
                    "date": date_format(day.day),
                    "rankings": day.rankings,
                    "demonstrations": day.demonstrations,
                    "simulated": day.simulated,
                },
                {"rankings": day.rankings, "demonstrations": day.demonstrations, "simulated": day.simulated},
            )
            for number, day in enumerate(days)
        ]
    )


def _agreement(weeks: Sequence[WeekOfAgreement]) -> LineChart | None:
    """Weeks without enough data are gaps."""
    known = [(place, each) for place, each in enumerate(weeks, start=1) if each["value"] is not None]
    every = -(-len(weeks) // LABELS_AT_MOST) or 1
    return line_chart(
        {"model": [(place, each["value"] or 0.0) for place, each in known]},
        x_min=0.5,
        x_max=len(weeks) + 0.5,
        x_ticks=[(place, each["week"][5:]) for place, each in enumerate(weeks, start=1) if (place - 1) % every == 0],
        level=(0.5, _("at random")),
        percent=True,
        estimates=[
            Estimate(place, each["value"] or 0.0, (each["low"] or 0.0, each["high"] or 0.0), each["week"])
            for place, each in known
        ],
    )


def _accuracy(newest_first: Sequence[MeasuredVersion]) -> LineChart | None:
    """Accuracy by version, the oldest left, and beside it how far labelers agree on the same split."""
    versions = list(enumerate(reversed(newest_first), start=1))
    if len(versions) < 2:
        return None
    return line_chart(
        {
            "labelers": [(place, each.ceiling) for place, each in versions if each.ceiling is not None],
            "model": [(place, each.accuracy) for place, each in versions],
        },
        x_min=0.5,
        x_max=len(versions) + 0.5,
        x_ticks=[(place, str(place)) for place, _each in versions],
        level=(0.5, _("at random")),
        percent=True,
        estimates=[
            Estimate(place, each.accuracy, each.interval, f"{each.version.name}: {each.accuracy:.1%}")
            for place, each in versions
        ],
    )
