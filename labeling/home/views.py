"""A labeler's start page, days and past work."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from labeling.base.states import AssignmentState, CampaignState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.queries.available import is_at_work
from labeling.desk.rules.working_time import IDLE_SECONDS, LONGEST_TASK_SECONDS
from labeling.desk.services.revisions import REVISABLE
from labeling.desk.views.kinds import HandedOutKind, KindOfWork
from labeling.home.forms import HistoryForm
from labeling.home.queries.day import day_of
from labeling.home.queries.history import (
    KINDS_LISTED,
    campaigns_worked_on,
    flags_used,
    history_rows,
    submitted_by,
)
from labeling.home.queries.overview import overview_of
from labeling.onboarding.path.queries import was_refused
from labeling.onboarding.path.views import show_path, step_now
from labeling.people.models import Labeler
from labeling.people.services import choose_campaign
from labeling.people.views.access import LabelerRequest, labeler_page, not_active

ROWS_PER_PAGE = 25

Row = TypeVar("Row", bound="OfAKind")

Kinds = Mapping[str, KindOfWork[Any]]
"""Every kind of work, by its name (labeling/kinds_of_work.py)."""


class OfAKind(Protocol):
    @property
    def kind(self) -> str: ...


def with_kinds(rows: Iterable[Row], kinds: Kinds) -> list[tuple[KindOfWork[Any], Row]]:
    """Each row after its kind, which has the words and the icon for it."""
    return [(kinds[row.kind], row) for row in rows]


def addresses_of_held(labeler: Labeler) -> list[str]:
    """What somebody who is suspended may still finish."""
    if not labeler.finishing_until:
        return []
    tokens = labeler.assignments.filter(state=AssignmentState.OPEN).order_by("pk").values_list("token", flat=True)
    return [reverse("work", args=[token]) for token in tokens]


@require_safe
@labeler_page
def overview(request: LabelerRequest, kinds: Kinds) -> HttpResponse:
    if not is_at_work(request.labeler):
        if request.labeler.state == LabelerState.SUSPENDED and not was_refused(request.labeler):
            return not_active(request, request.labeler, held=addresses_of_held(request.labeler))
        return show_path(request)
    handed_out = [name for name, kind in kinds.items() if isinstance(kind, HandedOutKind)]
    page = overview_of(request.labeler, handed_out)
    context = {
        "page": page,
        "step": step_now(request.labeler),
        "queues": with_kinds(page.queues, kinds),
        "lapsed": with_kinds(page.lapsed, kinds),
        "begun": with_kinds(page.begun, kinds),
        "starts": [(kinds[name], campaign) for campaign in page.campaigns for name in campaign.own_writing],
        "campaigns": [
            (campaign, [(kinds[name], count) for name, count in campaign.available.items()])
            for campaign in page.campaigns
        ],
    }
    return render(request, "home/overview.html", context)


@require_safe
@labeler_page
def day(request: LabelerRequest) -> HttpResponse:
    caps = {"idle_seconds": IDLE_SECONDS, "longest_hours": LONGEST_TASK_SECONDS // 3600}
    return render(
        request, "home/day.html", {"page": day_of(request.labeler), "zone": request.labeler.time_zone, **caps}
    )


@require_safe
@labeler_page
def history(request: LabelerRequest, kinds: Kinds) -> HttpResponse:
    form = HistoryForm(
        request.GET.dict(),
        kinds=[(name, str(kinds[name].title)) for name in KINDS_LISTED],
        campaigns=campaigns_worked_on(request.labeler),
        flags=flags_used(request.labeler, interface_language=get_language() or "en"),
    )
    sought = form.sought()
    page = Paginator(submitted_by(request.labeler, sought), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = with_kinds(history_rows(page), kinds)
    context = {"rows": rows, "form": form, "sought": sought, "page": page, "revisable": REVISABLE}
    return render(request, "home/history.html", context)


@require_POST
@labeler_page
def first_campaign(request: LabelerRequest) -> HttpResponse:
    """Chooses the campaign whose work comes first; without a slug campaigns take turns again."""
    slug = request.POST.get("campaign", "")
    chosen = Campaign.objects.filter(slug=slug).exclude(state=CampaignState.DRAFT).values_list("pk", flat=True).first()
    if slug and chosen is None:
        raise Http404
    choose_campaign(labeler=request.labeler, campaign_id=chosen)
    return redirect("overview")
