"""How long the ready work lasts, what is handed in, and when campaigns will be done."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from labeling.base.admin.tables import Cell, Table, named_table, number, unknown
from labeling.base.language import name_of
from labeling.console.queries.activity import throughput
from labeling.console.queries.cost import costs
from labeling.console.queries.depth import Depth, Progress, depths, progress_of_campaigns
from labeling.console.views.room import Room
from labeling.pay.views.words import money


def ready_work(room: Room) -> Table:
    rows = []
    for each in depths(campaigns=room.look.campaigns, figures=room.figures, work=room.work):
        page = reverse("admin:labeling_rankingtask_changelist")
        link = f"{page}?campaign__id__exact={each.campaign.pk}&state__exact=ready&language={each.language}"
        minutes = (
            unknown(_("nobody has ranked here yet"))
            if each.minutes is None
            else Cell(text=in_words(each.minutes), value=round(each.minutes, 1), bad=not each.places)
        )
        rows.append(
            [
                Cell(text=str(each.campaign), link=link),
                Cell(text=name_of(each.language), value=each.language),
                minutes,
                *_for_those_at_work(room, each),
                number(each.places),
                number(each.ready),
                number(each.sampling),
            ]
        )
    return named_table(
        key="ready",
        title=_("Ready work"),
        columns=[
            ("campaign", _("Campaign")),
            ("language", _("Language")),
            ("minutes_of_work", _("Lasts")),
            ("at_work", _("At work")),
            ("minutes_for_them", _("Lasts for them")),
            ("rankings_to_begin", _("Rankings to begin")),
            ("tasks_ready", _("Tasks ready")),
            ("tasks_sampling", _("Being sampled")),
        ],
        rows=rows,
        note=_(
            "How long one labeler would be busy: the rankings that could be begun, times the mean active time of one "
            "in the days shown. At work is who took or handed in a ranking within half an hour; who takes turns "
            "between campaigns counts as a part of one in each."
        ),
        empty=_("No campaign is open."),
    )


def _for_those_at_work(room: Room, depth: Depth) -> list[Cell]:
    at_work = room.paces.of(depth.campaign, [depth.language]).at_work
    people = Cell(text=number_format(round(at_work, 1)), value=round(at_work, 2))
    if not at_work or depth.minutes is None:
        return [people, Cell(text="–", value="")]
    minutes = depth.minutes / at_work
    late = minutes < depth.campaign.ready_minutes / 4
    return [people, Cell(text=in_words(minutes), value=round(minutes, 1), bad=late and bool(depth.sampling))]


def in_words(minutes: float) -> str:
    """Minutes of work as people say it."""
    if minutes < 100:
        return _("%(minutes)d min") % {"minutes": round(minutes)}
    return _("%(hours)s h") % {"hours": number_format(round(minutes / 60), force_grouping=True)}


def per_day(room: Room) -> Table:
    days = throughput(room.work, days=room.look.days, campaigns=room.look.campaigns)
    return named_table(
        key="throughput",
        title=_("Handed in per day"),
        columns=[
            ("day", _("Day")),
            ("rankings", _("Rankings")),
            ("demonstrations", _("Demonstrations")),
            ("simulated_rankings", _("Simulated rankings")),
        ],
        rows=[
            [
                Cell(text=date_format(day.day), value=day.day.isoformat()),
                number(day.rankings),
                number(day.demonstrations),
                number(day.simulated),
            ]
            for day in reversed(days)
        ],
    )


def progress(room: Room) -> Table:
    found = progress_of_campaigns(campaigns=room.look.campaigns, figures=room.figures, work=room.work)
    return named_table(
        key="progress",
        title=_("Campaigns"),
        columns=[
            ("campaign", _("Campaign")),
            ("rankings_done", _("Rankings done")),
            ("rankings_left", _("Left")),
            ("rankings_per_day", _("Per day")),
            ("expected_done", _("Done about")),
            ("earliest", _("At the earliest")),
            ("latest", _("At the latest")),
        ],
        rows=[_progress(each) for each in found],
        note=_(
            "The forecast takes the last 28 whole days, days without work included, as draws of one distribution; the "
            "interval holds in 95 of 100 cases where the pace stays what it was."
        ),
        empty=_("No campaign is open."),
    )


def cost(room: Room) -> Table:
    rows = []
    for each in costs(campaigns=room.look.campaigns, days=room.look.days):
        campaign = room.look.campaigns[each.campaign]
        per = each.per_comparison
        rows.append(
            [
                Cell(text=str(campaign), link=reverse("admin:labeling_campaign_change", args=[campaign.pk])),
                Cell(text=money(each.amount, each.currency), value=float(each.amount)),
                Cell(text=each.currency),
                number(each.comparisons),
                unknown("–") if per is None else Cell(text=f"{per:.4f} {each.currency}", value=round(float(per), 6)),
            ]
        )
    return named_table(
        key="cost",
        title=_("Cost per usable comparison"),
        columns=[
            ("campaign", _("Campaign")),
            ("paid_for_rankings", _("Earned by rankings")),
            ("currency", _("Currency")),
            ("comparisons", _("Comparisons")),
            ("per_comparison", _("Per comparison")),
        ],
        rows=rows,
        note=_(
            "What rankings of people earned by the terms of pay on days that are over, with bonuses as if these days "
            "were one pay period, over the pairs of completions that they put in an order. What is left out of "
            "training was paid, and is no usable comparison."
        ),
        empty=_("No rates yet: no campaign has terms of pay for days that are over."),
    )


def _progress(each: Progress) -> list[Cell]:
    page = reverse("admin:labeling_campaign_change", args=[each.campaign.pk])
    begun = [Cell(text=str(each.campaign), link=page), number(each.done), number(each.left)]
    begun.append(
        Cell(text="–", value="")
        if each.per_day is None
        else Cell(text=number_format(round(each.per_day, 1)), value=round(each.per_day, 2))
    )
    if each.left == 0:
        return [*begun, Cell(text=_("nothing is left"), value=""), *[Cell(text="", value="")] * 2]
    if each.forecast is None:
        return [*begun, unknown(_("not enough data")), *[Cell(text="", value="")] * 2]
    soon = each.forecast
    latest = unknown(_("no end in sight")) if soon.latest is None else _day_in(soon.latest)
    return [*begun, _day_in(soon.expected), _day_in(soon.earliest), latest]


def _day_in(days: int) -> Cell:
    if days > MOST_DAYS:
        return unknown(_("in more than ten years"))
    day = timezone.localdate() + timedelta(days=days)
    return Cell(text=date_format(day), value=day.isoformat())


MOST_DAYS = 3650
