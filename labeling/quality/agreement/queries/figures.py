"""Agreement's figures over a cut. Postgres adds up per prompt; the rules make shares and intervals of it."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Avg, CharField, Count, F, Func, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncWeek

from labeling.base.states import LabelerState
from labeling.people.models import Labeler
from labeling.quality.agreement.models import Partner, RankingAgreement
from labeling.quality.agreement.queries.cuts import Cut
from labeling.quality.agreement.rules.alpha import Alpha, nominal_alpha, ordinal_alpha
from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share, Z, share_of, student_quantile
from labeling.quality.agreement.rules.ratings import Rating, RatingSums, rating_of
from labeling.quality.agreement.rules.ratios import Sums, pooled, share_of_sums
from lm.snapshot.records.constants import STRONGEST


@dataclass(frozen=True, kw_only=True)
class Tau:
    """The mean of Kendall's tau-b, prompts weighing the same, with its 95% interval."""

    value: float
    low: float
    high: float
    prompts: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`agreement`: of pairs that both order; `tie_rate`: of all pairs, how often one of both ties. None: not enough
    data. `ranks`: alpha by number of completions, for ranks of different numbers are different scales."""

    comparisons: int
    agreement: Share | None
    tie_rate: Share | None
    tau: Tau | None
    ranks: dict[int, Alpha]
    quality: Alpha | None
    flags: dict[str, Alpha | None]


def figures_of(cut: Cut) -> Figures:
    agreements = cut.agreements()
    return Figures(
        comparisons=agreements.count(),
        agreement=agreement_share(cut),
        tie_rate=share_of(_cells(agreements, *_ties())[()]),
        tau=_tau(agreements),
        ranks=_alpha_of_ranks(cut),
        quality=ordinal_alpha(_counted(cut.completions(), "qualities")),
        flags=_alpha_of_flags(cut),
    )


def agreement_share(cut: Cut) -> Share | None:
    """Of the pairs that both order, the share that both order alike."""
    return share_of(_cells(cut.agreements(), *_strict(cut))[()])


@dataclass(frozen=True, kw_only=True)
class Part:
    """One value of what a cut is taken apart by."""

    value: str
    share: Share | None


class _Unnest(Func):
    function = "unnest"
    set_returning = True
    output_field = CharField()


PARTS: dict[str, Any] = {
    "week": TruncWeek("compared_at"),
    "k": F("task__k"),
    "use_case": F("task__prompt__use_case"),
    "language": F("task__language"),
    "campaign": F("task__campaign__name"),
    "flag": _Unnest(F("flags")),
}


def parts_of(cut: Cut, by: str) -> list[Part]:
    """The cut taken apart: `by` is one of PARTS, or "strength"."""
    if by == "strength":
        return [
            Part(value=str(each), share=agreement_share(_with_strength(cut, each))) for each in range(1, STRONGEST + 1)
        ]
    cells = _cells(cut.agreements(), *_strict(cut), by=by)
    return [Part(value=_name_of(value), share=share_of(cells[value,])) for (value,) in sorted(cells)]


def _name_of(value: object) -> str:
    """As it stands in the address and the CSV; a week is its first day."""
    return value.date().isoformat() if isinstance(value, datetime) else str(value)


def _with_strength(cut: Cut, strength: int) -> Cut:
    return Cut(**{**cut.__dict__, "strength": strength})


@dataclass(frozen=True, kw_only=True)
class LabelerFigures:
    """One labeler against the rest. `pooled`: drawn towards all, for fair comparison; None where nobody can be."""

    labeler: int
    name: str
    comparisons: int
    share: Share | None
    pooled: Share | None
    tau: float | None
    tie_rate: float | None
    """How often the labeler ties a pair."""
    rating: Rating | None


def labelers_of(cut: Cut) -> list[LabelerFigures]:
    """Everybody who shares a task with a partner of the cut, by name.

    Among labelers also those who are active and share none yet, such as the only one in a language: with no figures.
    """
    agreements = cut.agreements(of_everybody=True)
    sums = _sums_by_labeler(agreements, *_strict(cut))
    towards_all = pooled(sums)
    totals = agreements.values("labeler").annotate(
        comparisons=Count("pk"),
        mean_tau=Avg("tau"),
        tied=Sum(F("tied_by_labeler") + F("tied_by_both")),
        pairs=Sum(_PAIRS),
        rated_by_both=Sum("rated"),
        own=Sum("own_rating"),
        own_squared=Sum("own_squares"),
        theirs=Sum("their_rating"),
        theirs_squared=Sum("their_squares"),
    )
    names = dict(Labeler.objects.filter(pk__in=sums).values_list("pk", "user__username"))
    found = [
        LabelerFigures(
            labeler=row["labeler"],
            name=names[row["labeler"]],
            comparisons=row["comparisons"],
            share=share_of_sums(sums[row["labeler"]]),
            pooled=towards_all.get(row["labeler"]),
            tau=row["mean_tau"] if sums[row["labeler"]].is_enough else None,
            tie_rate=row["tied"] / row["pairs"] if sums[row["labeler"]].is_enough else None,
            rating=rating_of(
                RatingSums(
                    rated=row["rated_by_both"],
                    own=row["own"],
                    own_squares=row["own_squared"],
                    theirs=row["theirs"],
                    theirs_squares=row["theirs_squared"],
                )
            ),
        )
        for row in totals
        if row["labeler"] in names
    ]
    return sorted([*found, *_without_figures(cut, known=names)], key=lambda each: each.name)


def _without_figures(cut: Cut, *, known: Collection[int]) -> list[LabelerFigures]:
    if cut.partner != Partner.LABELER or cut.labeler is not None:
        return []
    others = Labeler.objects.filter(state=LabelerState.ACTIVE, simulated=cut.simulated).exclude(pk__in=known)
    return [
        LabelerFigures(
            labeler=pk, name=name, comparisons=0, share=None, pooled=None, tau=None, tie_rate=None, rating=None
        )
        for pk, name in others.values_list("pk", "user__username")
    ]


_PAIRS = F("same") + F("opposed") + F("tied_by_labeler") + F("tied_by_partner") + F("tied_by_both")
Cells = defaultdict[tuple[Any, ...], list[tuple[int, int, int]]]


def _strict(cut: Cut) -> tuple[Any, Any]:
    same, opposed = cut.columns()
    return F(same), F(same) + F(opposed)


def _ties() -> tuple[Any, Any]:
    return F("tied_by_labeler") + F("tied_by_partner") + F("tied_by_both"), _PAIRS


def _cells(agreements: QuerySet[RankingAgreement], counted: Any, of: Any, *, by: str = "") -> Cells:
    """By the value of `by` (or by nothing): (counted, of how many, in how many prompts)."""
    parts = {"part": PARTS[by]} if by else {}
    per_prompt = agreements.annotate(**parts).values(*parts, "task__prompt").annotate(x=_sum(counted), y=_sum(of))
    keys = ", ".join([*parts, "x", "y"])
    cells: Cells = defaultdict(list)
    statement = f"SELECT {keys}, count(*) FROM ({{}}) AS prompts GROUP BY {keys}"  # noqa: S608  (names of columns)
    for *key, x, y, prompts in _rows(statement, per_prompt):
        cells[tuple(key)].append((x, y, prompts))
    return cells


def _sums_by_labeler(agreements: QuerySet[RankingAgreement], counted: Any, of: Any) -> dict[int, Sums]:
    per_prompt = agreements.values("labeler", "task__prompt").annotate(x=_sum(counted), y=_sum(of))
    statement = """
        SELECT labeler, count(*), sum(x), sum(y), sum(x * x), sum(x * y), sum(y * y) FROM ({}) AS prompts
        WHERE y > 0 GROUP BY labeler ORDER BY labeler
    """
    return {
        labeler: Sums(prompts=prompts, **dict(zip(("x", "y", "xx", "xy", "yy"), map(float, sums), strict=True)))
        for labeler, prompts, *sums in _rows(statement, per_prompt)
    }


def _sum(expression: Any) -> Any:
    """Strengths that nobody gave are no elements of the array."""
    return Coalesce(Sum(expression), 0)


def _rows(statement: str, inner: QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    """Runs the statement around the query; nothing where no row can be in it."""
    try:
        sql, parameters = inner.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.format(sql), parameters)
        return list(cursor.fetchall())


def _tau(agreements: QuerySet[RankingAgreement]) -> Tau | None:
    per_prompt = agreements.filter(tau__isnull=False).values("task__prompt").annotate(mean=Avg("tau"))
    found = _rows("SELECT avg(mean), stddev(mean), count(*) FROM ({}) AS prompts", per_prompt)
    value, deviation, prompts = found[0] if found else (None, None, 0)
    if prompts < FEWEST_PROMPTS:
        return None
    half = student_quantile(Z, prompts - 1) * deviation / math.sqrt(prompts)
    return Tau(value=value, low=max(-1.0, value - half), high=min(1.0, value + half), prompts=prompts)


def _counted(completions: QuerySet[Any], column: str) -> list[tuple[Sequence[int], int]]:
    return list(completions.values_list(column).annotate(units=Count("pk")))


def _alpha_of_ranks(cut: Cut) -> dict[int, Alpha]:
    by_k: defaultdict[int, list[tuple[Sequence[int], int]]] = defaultdict(list)
    for counts, units in _counted(cut.completions(), "ranks"):
        by_k[len(counts)].append((counts, units))
    found = {k: ordinal_alpha(counted) for k, counted in sorted(by_k.items())}
    return {k: alpha for k, alpha in found.items() if alpha is not None}


def _alpha_of_flags(cut: Cut) -> dict[str, Alpha | None]:
    statement = """
        SELECT flag.key, (flag.value->>0)::int, (flag.value->>1)::int, count(*)
        FROM ({}) AS completions, jsonb_each(completions.flags) AS flag GROUP BY 1, 2, 3
    """
    by_flag: defaultdict[str, list[tuple[Sequence[int], int]]] = defaultdict(list)
    for flag, unset, is_set, units in _rows(statement, cut.completions().values("flags")):
        by_flag[flag].append(((unset, is_set), units))
    return {flag: nominal_alpha(counted) for flag, counted in sorted(by_flag.items())}
