"""An evaluation's figures as tables, on its page and as CSV."""

from collections.abc import Mapping, Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from labeling.base.admin.tables import Bar, Cell, Row, Table, number, unknown
from labeling.base.language import name_of
from labeling.base.states import UseCase
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.figures import Figures, OfAnswers, Pair, Part
from labeling.evaluations.queries.judged import DEMONSTRATIONS
from labeling.evaluations.rules.estimates import Estimate
from labeling.evaluations.rules.strength import Strength
from labeling.quality.agreement.queries.cuts import flag_names

SCALE = ("0%", "50%", "100%")


def names_of(evaluation: Evaluation) -> dict[int, str]:
    """By who answered."""
    return {version.pk: version.name for version in evaluation.versions()} | {DEMONSTRATIONS: _("Demonstrations")}


def tables_of(figures: Figures, names: Mapping[int, str]) -> list[Table]:
    use_cases: dict[str, StrOrPromise] = dict(UseCase.choices)
    return [
        pairs_table(figures.pairs, names),
        parts_table(
            "use_case",
            _("By use case"),
            [(str(use_cases.get(each.value, each.value)), each) for each in figures.by_use_case],
        ),
        parts_table("language", _("By language"), [(name_of(each.value), each) for each in figures.by_language]),
        quality_table(figures.answers, names),
        flags_table(figures.answers, names),
        *([strengths_table(figures.answers, names)] if len(figures.answers) > 2 else []),
    ]


def pairs_table(pairs: Sequence[Pair], names: Mapping[int, str]) -> Table:
    return Table(
        key="pairs",
        title=_("Who is preferred to whom"),
        columns=[
            _("Model"), _("Against"), _("Preferred"), _("Tie"), _("Not preferred"), _("Win rate"), _("95% interval"),
            _("At equal lengths"), _("Its 95% interval"),
        ],
        rows=[
            Row(
                cells=[
                    Cell(text=names[pair.one]),
                    Cell(text=names[pair.other]),
                    number(pair.wins),
                    number(pair.ties),
                    number(pair.losses),
                    *share_cells(pair.rate),
                    *share_cells(pair.controlled),
                ],
                bar=_bar(pair.rate),
            )
            for pair in pairs
        ],
        note=_("Preferred, tie, not preferred: numbers of prompts. Win rate: a tie is half a win."),
        scale=SCALE,
    )  # fmt: skip


def parts_table(key: str, title: str, parts: Sequence[tuple[str, Part]]) -> Table:
    return Table(
        key=key,
        title=title,
        columns=[_("Part"), _("Prompts"), _("Win rate"), _("95% interval")],
        rows=[
            Row(
                cells=[Cell(text=name, value=part.value), number(part.prompts), *share_cells(part.rate)],
                bar=_bar(part.rate),
            )
            for name, part in parts
        ],
        note=_("The candidate against the one that it is held against."),
        scale=SCALE,
    )


def quality_table(answers: Sequence[OfAnswers], names: Mapping[int, str]) -> Table:
    return Table(
        key="quality",
        title=_("Overall quality, 1 to 7"),
        columns=[_("Model"), _("Prompts"), _("Mean"), _("95% interval")],
        rows=[
            Row(
                cells=[
                    Cell(text=names[each.who]),
                    number(each.rated),
                    *_cells(each.quality, "{:.2f}"),
                ]
            )
            for each in answers
        ],
    )


def flags_table(answers: Sequence[OfAnswers], names: Mapping[int, str]) -> Table:
    """A row a flag and model, those that matter most first."""
    words = flag_names(get_language() or "en")
    known = list(answers[0].flags)
    return Table(
        key="flags",
        title=_("How often flags are set"),
        columns=[_("Flag"), _("Model"), _("Share"), _("95% interval")],
        rows=[
            Row(
                cells=[
                    Cell(text=words.get(flag, flag), value=flag),
                    Cell(text=names[each.who]),
                    *share_cells(each.flags.get(flag)),
                ],
                bar=_bar(each.flags.get(flag)),
            )
            for flag in known
            for each in answers
        ],
        scale=SCALE if known else None,
        empty=_("No flag was set."),
    )


def strengths_table(answers: Sequence[OfAnswers], names: Mapping[int, str]) -> Table:
    ordered = sorted(answers, key=lambda each: -(each.strength.points if each.strength else 0))
    return Table(
        key="elo",
        title=_("All models on one scale"),
        columns=[_("Model"), _("Elo"), _("95% interval")],
        rows=[Row(cells=[Cell(text=names[each.who]), *_cells(each.strength, "{:+.0f}")]) for each in ordered],
        note=_("Bradley–Terry over all pairs, in Elo points: 400 more are odds of 10 to 1."),
    )


def share_cells(found: Estimate | None) -> list[Cell]:
    return _cells(found, "{:.1%}")


def _cells(found: Estimate | Strength | None, form: str) -> list[Cell]:
    if found is None:
        return [unknown(_("not enough data")), Cell(text="")]
    value = found.points if isinstance(found, Strength) else found.value
    if isinstance(found, Strength) and found.low == found.high == value:  # the one at 0, which the others are read from
        return [Cell(text=f"{value:.0f}", value=0, strong=True), Cell(text="–")]
    return [
        Cell(text=form.format(value), value=round(value, 5), strong=True),
        Cell(text=f"{form.format(found.low)} – {form.format(found.high)}"),
    ]


def _bar(found: Estimate | None) -> Bar | None:
    if found is None:
        return None
    low, value, high = (round(100 * each, 1) for each in (found.low, found.value, found.high))
    return Bar(left=low, middle=value, width=round(high - low, 1))
