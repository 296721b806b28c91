"""A labeler's own page: the numbers that admins see of them, what they earned, and what others thought."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.base.states import PayEntryKind
from labeling.desk.services.revisions import REVISABLE
from labeling.pay.models import PayEntry
from labeling.pay.queries.disagreements import disagreements_of
from labeling.pay.queries.own import own_numbers
from labeling.pay.views.words import (
    all_money,
    hours_and_minutes,
    kind_word,
    minutes_and_seconds,
    money,
    pieces_in_words,
    terms_in_words,
)
from labeling.people.views.access import LabelerRequest, labeler_page

SHOWN_PER_PAGE = 10


@require_safe
@labeler_page
def me(request: LabelerRequest) -> HttpResponse:
    numbers = own_numbers(request.labeler)
    context = {
        "numbers": numbers,
        "time": hours_and_minutes(numbers.seconds),
        "pieces": [(kind_word(kind), count) for kind, count in sorted(numbers.pieces.items())],
        "times": [(kind_word(each.kind), each, minutes_and_seconds(each.median_seconds)) for each in numbers.times],
        "periods": [
            {
                "of": each,
                "time": hours_and_minutes(each.seconds),
                "money": all_money(each.amounts),
                "entries": [_line(entry) for entry in each.entries],
            }
            for each in numbers.periods
        ],
        "paid_now": [(campaign, terms_in_words(terms)) for campaign, terms in numbers.paid_now],
    }
    return render(request, "pay/me.html", context)


def _line(entry: PayEntry) -> dict[str, Any]:
    """An entry as its labeler reads it."""
    worked = entry.kind == PayEntryKind.WORK
    what = [hours_and_minutes(entry.seconds), pieces_in_words(entry.pieces)] if worked else [entry.reason]
    return {
        "kind": entry.get_kind_display(),
        "campaign": entry.campaign.name if entry.campaign else "",
        "what": " · ".join(part for part in what if part),
        "terms": terms_in_words(entry.terms) if worked and entry.terms else "",
        "amount": money(entry.amount, entry.currency),
    }


@require_safe
@labeler_page
def others(request: LabelerRequest) -> HttpResponse:
    """What others thought where they disagreed."""
    page = Paginator(disagreements_of(request.labeler), SHOWN_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "pay/others.html", {"page": page, "revisable": REVISABLE})
