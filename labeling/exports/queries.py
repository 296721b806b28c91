"""Which labels are left out of training, and why."""

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from labeling.desk.demonstrating.models import DemonstrationQuerySet
from labeling.desk.ranking.models import RankingQuerySet
from labeling.exports.models import Exclusion, ExclusionQuerySet

KEPT = ""


def rankings_with_exclusion(rankings: RankingQuerySet, *, as_of: datetime | None = None) -> QuerySet[Any]:
    """Adds `excluded`: by which kind of exclusion each is left out, now or at that time; KEPT where by none.

    Whoever leaves out a ranking leaves out its revisions as well.
    """
    held = Exclusion.objects.in_force(as_of=as_of)
    return rankings.annotate(
        excluded=_first_of(
            ranking=Exists(held.filter(ranking__assignment=OuterRef("assignment"))),
            labeler=_of_labeler(held),
            campaign=Exists(held.filter(campaign=OuterRef("task__campaign"))),
        )
    )


def demonstrations_with_exclusion(
    demonstrations: DemonstrationQuerySet, *, as_of: datetime | None = None
) -> QuerySet[Any]:
    """The same of demonstrations. An edit goes with the ranking that it belongs to."""
    held = Exclusion.objects.in_force(as_of=as_of)
    return demonstrations.annotate(
        excluded=_first_of(
            demonstration=Exists(held.filter(demonstration=OuterRef("pk")))
            | Exists(held.filter(demonstration__assignment=OuterRef("assignment"))),
            ranking=Exists(held.filter(ranking__assignment=OuterRef("ranking__assignment"))),
            labeler=_of_labeler(held),
            campaign=Exists(held.filter(campaign=OuterRef("prompt__campaign"))),
        )
    )


def rankings_not_left_out(rankings: RankingQuerySet) -> QuerySet[Any]:
    return rankings_with_exclusion(rankings).filter(excluded=KEPT)


def exclusion_of(row: Any) -> Exclusion | None:
    """The exclusion in force of that very ranking, demonstration, labeler or campaign."""
    target = row._meta.model_name  # noqa: SLF001  (Django's own name for it)
    same = {"ranking": "assignment", "demonstration": "assignment"}.get(target)
    wanted = Q(**{target: row})
    if same is not None and getattr(row, f"{same}_id") is not None:
        wanted |= Q(**{f"{target}__{same}": getattr(row, f"{same}_id")})
    return Exclusion.objects.in_force().filter(wanted).first()


def _of_labeler(held: ExclusionQuerySet) -> Exists:
    since = Q(since=None) | Q(since__lte=OuterRef("submitted_at"))
    return Exists(held.filter(since, labeler=OuterRef("labeler")))


def _first_of(**conditions: Exists | Q) -> Case:
    return Case(*(When(held, then=Value(kind)) for kind, held in conditions.items()), default=Value(KEPT))
