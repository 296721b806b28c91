"""The tables of the page, which are also its CSV files."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.base.admin.tables import Bar, Cell, Row, Table
from labeling.base.language import name_of
from labeling.base.states import Strength, UseCase
from labeling.quality.admin.agreement.words import interval_of, not_enough, percent
from labeling.quality.agreement.queries.cuts import flag_names
from labeling.quality.agreement.queries.figures import Figures, LabelerFigures, Part
from labeling.quality.agreement.rules.alpha import Alpha
from labeling.quality.agreement.rules.intervals import Share

SCALE = ("0%", "50%", "100%")
PART_NAMES: dict[str, StrOrPromise] = {
    "week": lazy("By week"),
    "k": lazy("By number of completions"),
    "use_case": lazy("By use case"),
    "language": lazy("By language"),
    "campaign": lazy("By campaign"),
    "flag": lazy("By flag that one of both set"),
    "strength": lazy("By strength of the preference"),
}


def part_table(by: str, parts: Sequence[Part]) -> Table:
    return Table(
        key=by,
        title=PART_NAMES[by],
        columns=[_("Part"), _("Prompts"), _("Pairs"), _("Agreement"), _("95% interval")],
        rows=[_part_row(by, part) for part in parts],
        scale=SCALE,
    )


def _part_row(by: str, part: Part) -> Row:
    share = part.share
    counts = (share.prompts, share.pairs) if share else (None, None)
    return Row(
        cells=[
            Cell(text=_part_name(by, part.value), value=part.value),
            *(Cell(text="–" if count is None else f"{count:,}", value=count) for count in counts),
            *_share_cells(share),
        ],
        bar=_bar(share),
    )


def _part_name(by: str, value: str) -> StrOrPromise:
    if by == "week":
        return date_format(date.fromisoformat(value))
    if by == "language":
        return name_of(value)
    words: dict[str, Mapping[str, StrOrPromise]] = {
        "flag": flag_names(get_language() or "en") if by == "flag" else {},
        "use_case": dict(UseCase.choices),
        "strength": {str(number): word for number, word in Strength.choices},
    }
    return words.get(by, {}).get(value, value)


def labelers_table(labelers: Iterable[LabelerFigures]) -> Table:
    return Table(
        key="labelers",
        title=_("Each labeler against the rest"),
        columns=[
            _("Labeler"), _("Comparisons"), _("Pairs"), _("Agreement"), _("95% interval"), _("Pooled"),
            _("Its 95% interval"), _("tau-b"), _("Ties"), _("Severity"), _("Spread"),
        ],
        rows=[_labeler_row(each) for each in labelers],
        note=_(
            "Pooled: drawn towards the average of all, the more so the less somebody has ranked; people are compared "
            "by it. Severity: how many points lower than others they rate the same completions. Spread: how far apart "
            "their ratings lie, 1 as those of the others."
        ),
        scale=SCALE,
    )  # fmt: skip


def _labeler_row(each: LabelerFigures) -> Row:
    pairs = (each.share or each.pooled).pairs if each.share or each.pooled else 0  # type: ignore[union-attr]
    return Row(
        cells=[
            Cell(text=each.name, link=reverse("admin:labeling_labeler_change", args=[each.labeler])),
            Cell(text=f"{each.comparisons:,}", value=each.comparisons),
            Cell(text=f"{pairs:,}", value=pairs),
            *_share_cells(each.share),
            *_share_cells(each.pooled),
            _number(each.tau, "{:.2f}"),
            _number(each.tie_rate, "{:.0%}"),
            _number(each.rating.severity if each.rating else None, "{:+.1f}"),
            _number(each.rating.spread if each.rating else None, "{:.2f}"),
        ],
        bar=_bar(each.pooled),
    )


def alpha_table(figures: Figures) -> Table:
    names = flag_names(get_language() or "en")
    rows = [
        *((_("Ranks of %(k)d completions") % {"k": k}, alpha) for k, alpha in figures.ranks.items()),
        (_("Quality, 1 to 7"), figures.quality),
        *((_("Flag “%(flag)s”") % {"flag": names.get(flag, flag)}, alpha) for flag, alpha in figures.flags.items()),
    ]
    return Table(
        key="alpha",
        title=_("Krippendorff’s alpha"),
        columns=[_("Of what"), _("Completions"), _("alpha")],
        rows=[_alpha_row(name, alpha) for name, alpha in rows],
        note=_(
            "Of all labelers together, whoever else is compared above. Ranks and ratings: ordinal; flags: nominal. "
            "Ranks of different numbers of completions are different scales and stand apart."
        ),
    )


def _alpha_row(name: str, alpha: Alpha | None) -> Row:
    return Row(
        cells=[
            Cell(text=name),
            Cell(text=f"{alpha.units:,}" if alpha else "–", value=alpha.units if alpha else None),
            Cell(
                text=f"{alpha.value:.2f}" if alpha else not_enough(),
                value=alpha.value if alpha else None,
                strong=bool(alpha),
            ),
        ]
    )


def _bar(share: Share | None) -> Bar | None:
    if share is None:
        return None
    low, value, high = (round(100 * each, 1) for each in (share.low, share.value, share.high))
    return Bar(left=low, middle=value, width=round(high - low, 1))


def _share_cells(share: Share | None) -> list[Cell]:
    return [
        Cell(text=percent(share), value=share.value if share else None, strong=share is not None),
        Cell(text=interval_of(share)),
    ]


def _number(value: float | None, form: str) -> Cell:
    return Cell(text="–" if value is None else form.format(value), value=value)
