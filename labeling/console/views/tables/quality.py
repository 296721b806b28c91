"""Labelers, how far they agree, and reward models beside them."""

from datetime import date

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from labeling.base.admin.tables import Cell, MadeWhenRead, Table, named_table, number, percent
from labeling.console.queries.figures import EVERYWHERE, WeekOfAgreement
from labeling.console.queries.labelers import LabelerAtAGlance, labelers_at_a_glance
from labeling.console.queries.versions import MeasuredVersion
from labeling.console.views.room import Room
from labeling.quality.admin.habits.marks import marks_in_words, why


def labelers(room: Room) -> Table:
    found = labelers_at_a_glance(room.work, campaigns=room.look.campaigns, days=room.look.days)
    return named_table(
        key="labelers",
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
        rows=MadeWhenRead(_labeler, found),
        empty=_("Nobody handed anything in."),
    )


def _labeler(each: LabelerAtAGlance) -> list[Cell]:
    page = reverse("admin:labeling_labeler_change", args=[each.labeler])
    hours, share = each.active_seconds / 3600, each.agreement
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
        percent(None) if share is None else percent(share["value"], (share["low"], share["high"])),
        _marks(each),
    ]


def agreement(room: Room) -> Table:
    return named_table(
        key="agreement",
        title=_("Agreement by week"),
        columns=[
            ("week", _("Week")),
            ("agreement", _("Labelers agree with each other")),
            ("low", _("At least")),
            ("high", _("At most")),
            ("pairs", _("Pairs")),
        ],
        rows=[_week(each) for each in reversed(agreement_weeks(room))],
        note=_(
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


def _marks(each: LabelerAtAGlance) -> Cell:
    """The marks of quality's last look (labeling/quality/bias): in what the labeler differs, and what was seen."""
    if not each.outlier:
        return Cell(text="–", value="")
    seen = " ".join(why(finding) + "." for finding in each.findings if finding["habit"] in each.outlier)
    return Cell(text=marks_in_words(each.outlier), value=",".join(each.outlier), note=seen, bad=True)


def accuracy(room: Room) -> Table:
    return named_table(
        key="accuracy",
        title=_("Reward models against their labelers"),
        columns=[
            ("version", _("Version")),
            ("made", _("Made")),
            ("accuracy", _("Accuracy on validation")),
            ("labelers_agree", _("Labelers agree with each other")),
            ("rankings", _("Rankings")),
        ],
        rows=[_version(each) for each in room.versions],
        note=_(
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
