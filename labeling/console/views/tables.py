"""The tables of the control room: each is shown on the front page and is a CSV file, from the same rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_stubs_ext import StrPromise

from labeling.alerts.models import Gpu
from labeling.base.language import name_of
from labeling.console.queries.activity import throughput
from labeling.console.queries.depth import Progress, depths, progress_of_campaigns
from labeling.console.queries.figures import EVERYWHERE, WeekOfAgreement
from labeling.console.queries.labelers import LabelerAtAGlance, labelers_at_a_glance
from labeling.console.queries.versions import MeasuredVersion, measured_versions
from labeling.console.queries.waiting import Worker, waiting_work, workers
from labeling.console.views.room import Room
from labeling.quality.admin.habits import marks_in_words, why
from labeling.quality.bias.models import LabelerHabits

ROWS_SHOWN = 30
"""Of a table on a page; its CSV file has all."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`text` is for people, `value` for a spreadsheet; `note` stands under the text. `bad`: look here."""

    text: str
    value: str | int | float | None = None
    link: str = ""
    note: str = ""
    bad: bool = False

    @property
    def in_csv(self) -> str | int | float | None:
        return self.text if self.value is None else self.value


@dataclass(frozen=True, kw_only=True)
class Table:
    """`columns`: (name in CSV, heading). `empty` is said where there are no rows."""

    name: str
    title: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    explained: str = ""
    empty: str = ""

    def labelled(self) -> list[list[tuple[Cell, str]]]:
        """The rows that a page shows: each cell with its heading, which stands before it on a phone."""
        headings = [heading for _name, heading in self.columns]
        return [list(zip(row, headings, strict=True)) for row in self.rows[:ROWS_SHOWN]]

    def rest(self) -> int:
        """How many rows only the CSV file has."""
        return max(0, len(self.rows) - ROWS_SHOWN)


def number(value: int) -> Cell:
    return Cell(text=number_format(value, force_grouping=True), value=value)


def unknown(why: StrPromise | str) -> Cell:
    """A number that is not known is an empty cell in CSV, and its reason on the page."""
    return Cell(text=str(why), value="")


def percent(value: float | None, interval: tuple[float, float] | None = None) -> Cell:
    if value is None:
        return unknown(_("not enough data"))
    note = " – ".join(f"{bound:.1%}" for bound in interval) if interval else ""
    return Cell(text=f"{value:.1%}", value=round(value, 5), note=note)


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
                number(each.places),
                number(each.ready),
                number(each.sampling),
            ]
        )
    return Table(
        name="ready",
        title=_("Ready work"),
        columns=[
            ("campaign", _("Campaign")),
            ("language", _("Language")),
            ("minutes_of_work", _("Lasts")),
            ("rankings_to_begin", _("Rankings to begin")),
            ("tasks_ready", _("Tasks ready")),
            ("tasks_sampling", _("Being sampled")),
        ],
        rows=rows,
        explained=_(
            "How long one labeler would be busy: the rankings that could be begun, times the mean active time of one "
            "in the days shown."
        ),
        empty=_("No campaign is open."),
    )


def in_words(minutes: float) -> str:
    """Minutes of work as people say it."""
    if minutes < 100:
        return _("%(minutes)d min") % {"minutes": round(minutes)}
    return _("%(hours)s h") % {"hours": number_format(round(minutes / 60), force_grouping=True)}


def waiting(_room: Room) -> Table:
    now = timezone.now()
    return Table(
        name="waiting",
        title=_("What waits for workers"),
        columns=[
            ("kind", _("What")),
            ("queue", _("Queue")),
            ("waiting", _("Waiting")),
            ("oldest_seconds", _("Oldest")),
        ],
        rows=[
            [
                Cell(text=str(each.name), value=each.key),
                Cell(text=each.queue),
                number(each.count),
                _age(None if each.since is None else now - each.since),
            ]
            for each in waiting_work()
        ],
    )


def _age(age: timedelta | None) -> Cell:
    if age is None:
        return Cell(text="–", value="")
    seconds = int(age.total_seconds())
    return Cell(text=ago(age), value=seconds)


def ago(age: timedelta) -> str:
    """How long ago, in the largest unit that says it."""
    seconds = int(age.total_seconds())
    if seconds < 120:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 7200:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    if seconds < 172800:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day", "%(n)d days", seconds // 86400) % {"n": seconds // 86400}


def workers_up(_room: Room) -> Table:
    return Table(
        name="workers",
        title=_("Workers"),
        columns=[("worker", _("Worker")), ("queues", _("Queues")), ("last_sign", _("Last sign")), ("gpu", _("GPU"))],
        rows=[_worker(each) for each in workers()],
        empty=_("No worker has been heard of. Start them as docs/operations.md says."),
    )


def _worker(each: Worker) -> list[Cell]:
    at = each.sign.at
    return [
        Cell(text=each.sign.name),
        Cell(text=each.sign.queues.replace(",", ", ") or "–"),
        Cell(text=ago(timezone.now() - at), value=at.isoformat(), bad=not each.up, note="" if each.up else _("gone")),
        Cell(text=" · ".join(map(_gpu, each.sign.gpus)) or "–"),
    ]


def _gpu(gpu: Gpu) -> str:
    said = {
        "name": gpu["name"],
        "used": gpu["memory_used"] / 1024,
        "all": gpu["memory_total"] / 1024,
        "use": gpu["use"],
    }
    return _("%(name)s: %(used).0f of %(all).0f GiB, %(use)d%% busy") % said


def per_day(room: Room) -> Table:
    days = throughput(room.work, days=room.look.days, campaigns=room.look.campaigns)
    return Table(
        name="throughput",
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
    return Table(
        name="progress",
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
        explained=_(
            "The forecast takes the last 28 whole days, days without work included, as draws of one distribution; the "
            "interval holds in 95 of 100 cases where the pace stays what it was."
        ),
        empty=_("No campaign is open."),
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


def labelers(room: Room) -> Table:
    found = labelers_at_a_glance(room.work, campaigns=room.look.campaigns, days=room.look.days)
    return Table(
        name="labelers",
        title=_("Labelers at a glance"),
        columns=[
            ("labeler", _("Labeler")),
            ("rankings", _("Rankings")),
            ("demonstrations", _("Demonstrations")),
            ("active_hours", _("Active hours")),
            ("minutes_per_ranking", _("Minutes per ranking")),
            ("gold_passed", _("Gold passed")),
            ("gold", _("Gold items")),
            ("agreement", _("Agreement")),
            ("marked", _("Marked")),
        ],
        rows=[_labeler(each) for each in found],
        empty=_("Nobody handed anything in."),
    )


def _labeler(each: LabelerAtAGlance) -> list[Cell]:
    page = reverse("admin:labeling_labeler_change", args=[each.labeler])
    hours = each.active_seconds / 3600
    pace = (
        Cell(text="–", value="")
        if each.seconds_per_ranking is None
        else Cell(
            text=number_format(round(each.seconds_per_ranking / 60, 1)), value=round(each.seconds_per_ranking / 60, 2)
        )
    )
    gold = (
        Cell(text="–", value="")
        if not each.gold
        else Cell(
            text=f"{each.gold_passed} / {each.gold}", value=round(each.gold_passed / each.gold, 4), bad=each.fails_gold
        )
    )
    return [
        Cell(text=each.name, link=page, note=_("Simulated") if each.simulated else ""),
        number(each.rankings),
        number(each.demonstrations),
        Cell(text=number_format(round(hours, 1)), value=round(hours, 2)),
        pace,
        gold,
        number(each.gold),
        _agreement_of(each.habits),
        _marks(each.habits),
    ]


def agreement(room: Room) -> Table:
    return Table(
        name="agreement",
        title=_("Agreement by week"),
        columns=[
            ("week", _("Week")),
            ("agreement", _("Labelers agree with each other")),
            ("low", _("At least")),
            ("high", _("At most")),
            ("pairs", _("Pairs")),
        ],
        rows=[_week(each) for each in reversed(agreement_weeks(room))],
        explained=_(
            "Of the pairs of completions that two labelers both put in an order, the share that both order alike, with "
            "its 95% interval."
        ),
        empty=_("Not enough data: no two labelers have ranked the same task."),
    )


def agreement_weeks(room: Room) -> list[WeekOfAgreement]:
    """Of the chosen campaign, or of all for those who see all."""
    chosen = room.look.chosen
    if chosen is None and not room.look.whole:
        return []
    return room.figures.agreement.get(str(chosen.pk) if chosen else EVERYWHERE, [])


def _week(each: WeekOfAgreement) -> list[Cell]:
    day = date.fromisoformat(each["week"])
    begun = [Cell(text=date_format(day), value=each["week"])]
    if each["value"] is None:
        return [*begun, percent(None), *[Cell(text="–", value="")] * 2, number(each["pairs"])]
    return [*begun, percent(each["value"]), percent(each["low"]), percent(each["high"]), number(each["pairs"])]


def _agreement_of(habits: LabelerHabits | None) -> Cell:
    share = habits.agreement if habits else None
    return percent(share["value"], (share["low"], share["high"])) if share else percent(None)


def _marks(habits: LabelerHabits | None) -> Cell:
    """The marks of quality's last look (labeling/quality/bias): in what the labeler differs, and what was seen."""
    if habits is None or not habits.outlier:
        return Cell(text="–", value="")
    seen = " ".join(why(each) + "." for each in habits.findings if each["habit"] in habits.outlier)
    return Cell(text=marks_in_words(habits.outlier), value=",".join(habits.outlier), note=seen, bad=True)


def accuracy(_room: Room) -> Table:
    return Table(
        name="accuracy",
        title=_("Reward models against their labelers"),
        columns=[
            ("version", _("Version")),
            ("made", _("Made")),
            ("accuracy", _("Accuracy on validation")),
            ("labelers_agree", _("Labelers agree with each other")),
            ("rankings", _("Rankings")),
        ],
        rows=[_version(each) for each in measured_versions()],
        explained=_(
            "A reward model can hardly agree with labelers more than they agree with each other: beside its accuracy "
            "stands their agreement on the same split, where several ranked the same tasks."
        ),
        empty=_("No reward model has been measured."),
    )


def _version(each: MeasuredVersion) -> list[Cell]:
    page = reverse("admin:labeling_modelversion_change", args=[each.version.pk])
    made = localtime(each.version.created_at)
    return [
        Cell(text=each.version.name, link=page, note=each.version.get_state_display()),
        Cell(text=date_format(made, "SHORT_DATE_FORMAT"), value=made.isoformat()),
        percent(each.accuracy, each.interval),
        percent(each.ceiling, each.ceiling_interval),
        number(each.rankings),
    ]


TABLES: Mapping[str, Callable[[Room], Table]] = {
    "ready": ready_work,
    "progress": progress,
    "throughput": per_day,
    "labelers": labelers,
    "agreement": agreement,
    "accuracy": accuracy,
    "waiting": waiting,
    "workers": workers_up,
}
"""By the name that is in the address."""
OF_THE_WHOLE = frozenset({"accuracy", "waiting", "workers"})
"""These are of no campaign: for those who see all of them."""
