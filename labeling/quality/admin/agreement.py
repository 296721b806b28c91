"""The page of agreement: figures, what they are by, and each labeler against the rest. Its filters are its address."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise
from unfold.decorators import action

from labeling.base.admin.charts import Estimate, LineChart, line_chart
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.tables import Bar, Cell, Row, Table, csv_of
from labeling.base.language import name_of
from labeling.base.states import Strength, UseCase
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.people.roles.queries import sees_every_campaign
from labeling.quality.agreement.forms import CutForm
from labeling.quality.agreement.models import RankingAgreement
from labeling.quality.agreement.queries.cuts import Cut, flag_names
from labeling.quality.agreement.queries.figures import (
    Figures,
    LabelerFigures,
    Part,
    figures_of,
    labelers_of,
    parts_of,
)
from labeling.quality.agreement.rules.alpha import Alpha
from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share
from lm.snapshot.records.constants import FEWEST_PAIRS

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


@dataclass(frozen=True, kw_only=True)
class Headline:
    value: str
    name: StrOrPromise
    interval: str
    meaning: StrOrPromise


@admin.register(RankingAgreement)
class AgreementAdmin(RecordAdmin):
    """The compared rankings one by one; the figures over them are a page of its own."""

    list_display = (
        shown("task", lazy("Task")),
        shown("labeler", lazy("Labeler")),
        "with_whom",
        shown("same", lazy("Same")),
        shown("opposed", lazy("Opposed")),
        "show_tau",
        shown("compared_at", lazy("Compared")),
    )
    list_filter = (*by_choice("partner_kind"), *by_relation("task__campaign"), *by_day("compared_at"))
    list_select_related = ("task", "labeler__user", "partner__user")
    search_fields = ("labeler__user__username", "partner__user__username")
    ordering = ("-compared_at", "-pk")
    list_per_page = 50
    actions_list = ("look_at_figures",)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.figures_view)
        return [path("figures/", page, name="labeling_rankingagreement_figures"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RankingAgreement]:
        assert request.user.is_authenticated  # the admin lets nobody else in
        return within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")

    @column(lazy("Compared with"))
    def with_whom(self, row: RankingAgreement) -> str:
        return str(row.partner or row.get_partner_kind_display())

    @column(lazy("tau-b"), ordering="tau")
    def show_tau(self, row: RankingAgreement) -> str:
        return "–" if row.tau is None else f"{row.tau:.2f}"

    @cast("Callable[[Any], Any]", action(description=lazy("Figures"), icon="monitoring", permissions=["view"]))
    def look_at_figures(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002
        return HttpResponseRedirect(reverse("admin:labeling_rankingagreement_figures"))

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        assert request.user.is_authenticated  # the admin lets nobody else in
        form = CutForm(request.GET, campaigns=campaigns_of(request.user), sees_all=sees_every_campaign(request.user))
        form.is_valid()
        cut = form.cut()
        if wanted := request.GET.get("csv"):
            return csv_of(_table(cut, wanted))
        query = request.GET.copy()
        query.pop("csv", None)
        figures, weeks, labelers = figures_of(cut), parts_of(cut, "week"), labelers_of(cut)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Agreement"),
            "opts": self.opts,
            "form": form,
            "query": query.urlencode(),
            "headlines": headlines(figures),
            "fewest": {"pairs": FEWEST_PAIRS, "prompts": FEWEST_PROMPTS},
            "over_time": over_time(weeks),
            "by_labeler": by_labeler(labelers),
            "tables": [
                labelers_table(labelers),
                part_table("week", weeks),
                *(part_table(by, parts_of(cut, by)) for by in PART_NAMES if by != "week"),
                alpha_table(figures),
            ],
        }
        return TemplateResponse(request, "quality/admin/agreement.html", context)


def _table(cut: Cut, key: str) -> Table:
    """The table of that key. Raises Http404."""
    makers: dict[str, Callable[[], Table]] = {
        "labelers": lambda: labelers_table(labelers_of(cut)),
        "alpha": lambda: alpha_table(figures_of(cut)),
    }
    if key in PART_NAMES:
        return part_table(key, parts_of(cut, key))
    if key not in makers:
        raise Http404
    return makers[key]()


def headlines(figures: Figures) -> list[Headline]:
    tau = figures.tau
    return [
        _of_share(_("Agreement"), figures.agreement, _("of the pairs that both order, both prefer the same one")),
        _of_share(_("Ties"), figures.tie_rate, _("of all pairs, one of both ties")),
        Headline(
            value=f"{tau.value:.2f}" if tau else _not_enough(),
            name=_("Kendall’s tau-b"),
            interval=f"{tau.low:.2f} – {tau.high:.2f}" if tau else "",
            meaning=_("1: the same order, 0: none in common, −1: the reverse"),
        ),
        Headline(
            value=f"{figures.quality.value:.2f}" if figures.quality else _not_enough(),
            name=_("Krippendorff’s alpha of ratings"),
            interval="",
            meaning=_("1: the same ratings, 0: as chance would give"),
        ),
    ]


def _of_share(name: str, share: Share | None, meaning: str) -> Headline:
    return Headline(value=_percent(share), name=name, interval=_interval(share), meaning=meaning)


def _not_enough() -> str:
    return _("not enough data")


def _percent(share: Share | None) -> str:
    return f"{share.value:.1%}" if share else _not_enough()


def _interval(share: Share | None) -> str:
    return f"{share.low:.1%} – {share.high:.1%}" if share else ""


def _bar(share: Share | None) -> Bar | None:
    if share is None:
        return None
    low, value, high = (round(100 * each, 1) for each in (share.low, share.value, share.high))
    return Bar(left=low, middle=value, width=round(high - low, 1))


def _share_cells(share: Share | None) -> list[Cell]:
    return [
        Cell(text=_percent(share), value=share.value if share else None, strong=share is not None),
        Cell(text=_interval(share)),
    ]


def over_time(weeks: Sequence[Part]) -> LineChart | None:
    """The agreement of each week with its interval; None while there are fewer than two weeks with enough data."""
    known = [(date.fromisoformat(week.value), week.share) for week in weeks if week.share]
    if len(known) < 2:
        return None
    first = known[0][0]
    points = [((day - first).days / 7, share) for day, share in known]
    step = -(-len(points) // 6)
    return line_chart(
        {"model": [(x, share.value) for x, share in points]},
        x_max=points[-1][0],
        x_ticks=[
            (x, date_format(day, "j M")) for (x, _share), (day, _) in list(zip(points, known, strict=True))[::step]
        ],
        level=(0.5, _("by chance")),
        percent=True,
        estimates=[
            Estimate(
                x, share.value, (share.low, share.high), f"{date_format(day)}: {_percent(share)} ({_interval(share)})"
            )
            for (x, share), (day, _share) in zip(points, known, strict=True)
        ],
    )


def by_labeler(labelers: Iterable[LabelerFigures]) -> LineChart | None:
    """Everybody's pooled agreement with its interval, the lowest first."""
    known = sorted(((each.name, each.pooled) for each in labelers if each.pooled), key=lambda named: named[1].value)
    if len(known) < 2:
        return None
    step = -(-len(known) // 12)
    return line_chart(
        {"none": [(place, share.value) for place, (_name, share) in enumerate(known, start=1)]},
        x_min=0,
        x_max=len(known) + 1,
        x_ticks=[(place, str(place)) for place in range(1, len(known) + 1, step)],
        percent=True,
        estimates=[
            Estimate(place, share.value, (share.low, share.high), f"{name}: {_percent(share)} ({_interval(share)})")
            for place, (name, share) in enumerate(known, start=1)
        ],
    )


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


def _number(value: float | None, form: str) -> Cell:
    return Cell(text="–" if value is None else form.format(value), value=value)


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
                text=f"{alpha.value:.2f}" if alpha else _not_enough(),
                value=alpha.value if alpha else None,
                strong=bool(alpha),
            ),
        ]
    )
