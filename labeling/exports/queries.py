"""Which labels are left out of training, and why."""

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration, DemonstrationQuerySet
from labeling.desk.ranking.models import Ranking, RankingQuerySet
from labeling.exports.models import TARGETS, Exclusion, ExclusionQuerySet
from labeling.imports.models import ImportedRanking

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
            prompt=Exists(held.filter(prompt=OuterRef("task__prompt"))),
            prompt_import=Exists(held.filter(prompt_import=OuterRef("task__prompt__prompt_import"))),
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
            | Exists(held.filter(_same_demonstration())),
            ranking=Exists(held.filter(ranking__assignment=OuterRef("ranking__assignment"))),
            labeler=_of_labeler(held),
            campaign=Exists(held.filter(campaign=OuterRef("prompt__campaign"))),
            prompt=Exists(held.filter(prompt=OuterRef("prompt"))),
            prompt_import=Exists(held.filter(prompt_import=OuterRef("prompt__prompt_import"))),
        )
    )


def imported_rankings_with_exclusion(
    rankings: QuerySet[ImportedRanking], *, as_of: datetime | None = None
) -> QuerySet[Any]:
    """The same of existing comparisons: they go with the file that they came in, and with the one of their prompt."""
    held = Exclusion.objects.in_force(as_of=as_of)
    explained: QuerySet[Any] = rankings.annotate(
        excluded=_first_of(
            campaign=Exists(held.filter(campaign=OuterRef("prompt__campaign"))),
            prompt=Exists(held.filter(prompt=OuterRef("prompt"))),
            prompt_import=Exists(held.filter(prompt_import=OuterRef("prompt_import")))
            | Exists(held.filter(prompt_import=OuterRef("prompt__prompt_import"))),
        )
    )
    return explained


def prompts_with_exclusion(prompts: QuerySet[Prompt], *, as_of: datetime | None = None) -> QuerySet[Any]:
    """The same of prompts, with or without labels."""
    held = Exclusion.objects.in_force(as_of=as_of)
    explained: QuerySet[Any] = prompts.annotate(
        excluded=_first_of(
            campaign=Exists(held.filter(campaign=OuterRef("campaign"))),
            prompt=Exists(held.filter(prompt=OuterRef("pk"))),
            prompt_import=Exists(held.filter(prompt_import=OuterRef("prompt_import"))),
        )
    )
    return explained


def rankings_not_left_out(rankings: RankingQuerySet) -> QuerySet[Any]:
    return rankings_with_exclusion(rankings).filter(excluded=KEPT)


def demonstrations_not_left_out(demonstrations: DemonstrationQuerySet) -> QuerySet[Any]:
    return demonstrations_with_exclusion(demonstrations).filter(excluded=KEPT)


def _same_demonstration() -> Q:
    """Exclusions of another revision of the same. Edits have none, and imported ones no labeler."""
    same = {f"demonstration__{column}": OuterRef(column) for column in DemonstrationQuerySet.same_work}
    return Q(**same) & ~Q(demonstration__source="edit")


def target_of(row: Any) -> str:
    """Which of TARGETS the row is."""
    tables = {name: Exclusion._meta.get_field(name).related_model for name in TARGETS}  # noqa: SLF001
    return next(name for name, table in tables.items() if type(row) is table)


def exclusion_of(row: Any) -> Exclusion | None:
    """The exclusion in force of that very ranking, demonstration, labeler, campaign, import or prompt."""
    target = target_of(row)
    wanted = Q(**{target: row})
    if isinstance(row, Ranking) and row.assignment_id is not None:
        wanted |= Q(ranking__assignment=row.assignment_id)
    if isinstance(row, Demonstration) and row.labeler_id is not None and row.source != "edit":
        wanted |= Q(**{f"demonstration__{column}": getattr(row, column) for column in DemonstrationQuerySet.same_work})
    return Exclusion.objects.in_force().filter(wanted).first()


def _of_labeler(held: ExclusionQuerySet) -> Exists:
    since = Q(since=None) | Q(since__lte=OuterRef("submitted_at"))
    return Exists(held.filter(since, labeler=OuterRef("labeler")))


def _first_of(**conditions: Exists | Q) -> Case:
    return Case(*(When(held, then=Value(kind)) for kind, held in conditions.items()), default=Value(KEPT))
