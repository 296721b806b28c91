"""What whoever asks is shown: which campaigns, which days, and the numbers of these, read once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from labeling.campaigns.managers.queries import campaigns_of
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.forms import DAYS_SHOWN, LookForm
from labeling.console.queries.depth import FORECAST_DAYS
from labeling.console.queries.figures import Figures, figures
from labeling.console.queries.pace import Sampling, paces, sampling_now
from labeling.console.queries.versions import MeasuredVersion, measured_versions
from labeling.console.queries.work import Work, work_of
from labeling.people.roles.queries import sees_every_campaign
from labeling.ranking_tasks.services.tasks import Paces


@dataclass(frozen=True, kw_only=True)
class Look:
    """`campaigns`: those that are looked at, by id. `whole`: whoever asks sees every campaign, and so the workers, the
    models and what is wrong as well. `refused`: what the address asked for that there isn't."""

    form: LookForm
    campaigns: dict[int, Campaign]
    chosen: Campaign | None
    days: int
    whole: bool
    refused: str

    @property
    def query(self) -> str:
        """The look as the part of an address behind the question mark."""
        return urlencode({"days": self.days, **({"campaign": self.chosen.pk} if self.chosen else {})})


class Room:
    """The numbers behind the tables of one look."""

    def __init__(self, look: Look) -> None:
        self.look = look

    @cached_property
    def figures(self) -> Figures:
        return figures()

    @cached_property
    def paces(self) -> Paces:
        return paces(self.work.by_day, to_plan=False)

    @cached_property
    def sampling(self) -> Sampling:
        return sampling_now(self.paces)

    @cached_property
    def versions(self) -> list[MeasuredVersion]:
        return measured_versions()

    @cached_property
    def work(self) -> Work:
        return work_of(shown=self.look.days, days=max(self.look.days, FORECAST_DAYS + 1))


def may_look(request: HttpRequest) -> bool:
    """Labeling numbers are for those of the staff who may see rankings."""
    return request.user.is_staff and request.user.has_perm("labeling.view_ranking")


def look_of(request: HttpRequest) -> Look:
    """What the address asks for. Where there is no such thing the look is as if nothing had been asked."""
    user: Any = request.user
    campaigns = {campaign.pk: campaign for campaign in campaigns_of(user)}
    asked = {name: request.GET[name] for name in ("campaign", "days") if request.GET.get(name)}
    form = LookForm(asked=asked, campaigns=campaigns)
    refused = ""
    if not form.is_valid():
        refused = " ".join(str(error) for errors in form.errors.values() for error in errors)
        form = LookForm(asked={}, campaigns=campaigns)
        form.is_valid()
    chosen = campaigns.get(form.cleaned_data["campaign"] or 0)
    return Look(
        form=form,
        campaigns={chosen.pk: chosen} if chosen else campaigns,
        chosen=chosen,
        days=form.cleaned_data["days"] or DAYS_SHOWN,
        whole=sees_every_campaign(user),
        refused=refused,
    )
