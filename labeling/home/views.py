"""A labeler's start page, days and past work."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.base.states import LabelerState
from labeling.desk.rules.working_time import IDLE_SECONDS, LONGEST_TASK_SECONDS
from labeling.desk.services.revisions import REVISABLE
from labeling.desk.views.kinds import HandedOutKind, KindOfWork
from labeling.home.queries.day import day_of
from labeling.home.queries.history import history_row, submitted_by
from labeling.home.queries.overview import overview_of
from labeling.people.views.access import LabelerRequest, labeler_page, not_active
from labeling.writing.queries import handed_in_by

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


@require_safe
@labeler_page
def overview(request: LabelerRequest, kinds: Kinds) -> HttpResponse:
    if request.labeler.state != LabelerState.ACTIVE:
        return not_active(request, request.labeler)
    handed_out = [name for name, kind in kinds.items() if isinstance(kind, HandedOutKind)]
    page = overview_of(request.labeler, handed_out)
    context = {
        "page": page,
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
    page = Paginator(submitted_by(request.labeler), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = with_kinds([history_row(assignment) for assignment in page], kinds)
    own = with_kinds(handed_in_by(request.labeler) if page.number == 1 else [], kinds)
    context = {"rows": rows, "own": own, "page": page, "revisable": REVISABLE}
    return render(request, "home/history.html", context)
