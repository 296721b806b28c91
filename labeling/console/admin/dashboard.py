"""The admin's front page: the pipeline's counts, who is at work, and the notices."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.base.admin.charts import BarChart, bar_chart
from labeling.base.states import ModelKind
from labeling.console.admin.notices import notices
from labeling.console.queries.activity import Day, holders, throughput
from labeling.console.queries.pipeline import Pipeline, open_campaigns, pipeline
from labeling.model_versions.models import ModelVersion
from labeling.people.roles.queries import sees_every_campaign
from labeling.training.admin.measures import headline

DAYS_SHOWN = 14


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows; labeling numbers are for those who may see rankings of every campaign."""
    if not request.user.has_perm("labeling.view_ranking") or not sees_every_campaign(request.user):
        return context
    state = pipeline()
    at_work, held = holders()
    return context | {
        "pipeline": state,
        "models": _current(state),
        "chart": _chart(throughput(days=DAYS_SHOWN)),
        "holders": at_work,
        "held": held,
        "notices": notices(),
        "open_campaigns": open_campaigns(limit=3),
        "title": _("Overview"),
    }


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
    return bar_chart(
        [
            (
                f"{day.day.day}",
                _("%(date)s: %(rankings)d rankings, %(demonstrations)d demonstrations, %(simulated)d simulated")
                % {
                    "date": date_format(day.day),
                    "rankings": day.rankings,
                    "demonstrations": day.demonstrations,
                    "simulated": day.simulated,
                },
                {"rankings": day.rankings, "demonstrations": day.demonstrations, "simulated": day.simulated},
            )
            for day in days
        ]
    )
