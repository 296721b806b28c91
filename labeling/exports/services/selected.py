"""The labels that a snapshot of a selection holds, and how many it leaves out and why."""

from dataclasses import replace
from typing import Any, TypeVar, cast

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from labeling.base.states import CampaignStage, LabelerGroup, LabelsChosen
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration, DemonstrationQuerySet
from labeling.desk.ranking.models import Ranking, RankingQuerySet
from labeling.exports.queries import (
    KEPT,
    demonstrations_with_exclusion,
    imported_rankings_with_exclusion,
    prompts_with_exclusion,
    rankings_with_exclusion,
)
from labeling.exports.services.selection import Selection
from labeling.imports.models import ImportedRanking
from labeling.review.models.reviews import Adjudication
from lm.snapshot.manifest import LeftOut
from lm.snapshot.records.constants import TRAIN

L = TypeVar("L", RankingQuerySet, DemonstrationQuerySet)
Labels = TypeVar("Labels", bound=QuerySet[Any])
USE = "use"
"""Left out by the use of its campaign; the other reasons are the kinds of exclusion."""


def rankings_of(selection: Selection) -> RankingQuerySet:
    """The rankings that a snapshot of the selection holds."""
    found = _rankings(selection)
    return cast("RankingQuerySet", found if selection.include_left_out else found.filter(why=KEPT))


def demonstrations_of(selection: Selection) -> DemonstrationQuerySet:
    """The demonstrations that a snapshot of the selection holds."""
    found = _demonstrations(selection)
    return cast("DemonstrationQuerySet", found if selection.include_left_out else found.filter(why=KEPT))


def imported_rankings_of(selection: Selection) -> QuerySet[Any]:
    """The existing comparisons that a snapshot of the selection holds, where it is asked for them."""
    found = _imported_rankings(selection)
    return found if selection.include_left_out else found.filter(why=KEPT)


def prompts_of(selection: Selection) -> QuerySet[Any]:
    """The prompts that a snapshot of the selection may hold; none of them is a held-out labeler's work.

    Whether one is set aside has no time, so that this does not go by it: a snapshot holds none that was by then.
    """
    found = _prompts(selection)
    return found if selection.include_left_out else found.filter(why=KEPT)


def left_out_of(selection: Selection) -> LeftOut:
    """Returns how many labels are left out that would be in a snapshot otherwise, by kind and by why."""
    if selection.include_left_out:
        return {}
    found: LeftOut = {}
    if {"rankings", "pairs"} & set(selection.kinds):
        found["rankings"] = _counted(_rankings(selection))
        if selection.include_imported:
            found["imported_rankings"] = _counted(_imported_rankings(selection))
    if "demonstrations" in selection.kinds:
        found["demonstrations"] = _counted(_demonstrations(selection))
    if "prompts" in selection.kinds:
        found["prompts"] = _counted(_prompts(selection))
    return {kind: counts for kind, counts in found.items() if counts}


def _rankings(selection: Selection) -> QuerySet[Any]:
    """Of combined ones (services/consensus.py) all that go into them."""
    if selection.labels == LabelsChosen.ALL:
        found = _selected(Ranking.objects.all(), selection, campaign="task__campaign", opening="task__prompt__opening")
    else:
        whole = replace(selection, since=None)
        found = _selected(Ranking.objects.all(), whole, campaign="task__campaign", opening="task__prompt__opening")
        found = found.filter(_of_combined_tasks(selection))
    known = rankings_with_exclusion(found, as_of=selection.as_of)
    explained: QuerySet[Any] = known.annotate(
        why=_why(selection, campaign="task__campaign", opening="task__prompt__opening")
    )
    return explained


def _of_combined_tasks(selection: Selection) -> Q:
    """Adjudicated ones, where these alone are asked for; with something that came after `since`."""
    adjudicated = Adjudication.objects.filter(task=OuterRef("task"), decided_at__lte=selection.as_of)
    wanted = Q(Exists(adjudicated)) if selection.labels == LabelsChosen.ADJUDICATED else Q()
    if selection.since is None:
        return wanted
    came = Ranking.objects.filter(
        task=OuterRef("task"), submitted_at__gt=selection.since, submitted_at__lte=selection.as_of
    )
    return wanted & (Q(Exists(came)) | Q(Exists(adjudicated.filter(decided_at__gt=selection.since))))


def _demonstrations(selection: Selection) -> QuerySet[Any]:
    found = _selected(Demonstration.objects.all(), selection, campaign="prompt__campaign", opening="prompt__opening")
    known = demonstrations_with_exclusion(found, as_of=selection.as_of)
    explained: QuerySet[Any] = known.annotate(
        why=_why(selection, campaign="prompt__campaign", opening="prompt__opening")
    )
    return explained


def _imported_rankings(selection: Selection) -> QuerySet[Any]:
    """Of the imports that were done by then, into campaigns of real work. None of them is a held-out labeler's work."""
    found = ImportedRanking.objects.filter(
        prompt_import__finished_at__lte=selection.as_of, prompt__campaign__stage=CampaignStage.WORK
    )
    if selection.held_out:
        found = found.none()
    if selection.since is not None:
        found = found.filter(prompt_import__finished_at__gt=selection.since)
    found = _where(found, selection, campaign="prompt__campaign", opening="prompt__opening")
    known = imported_rankings_with_exclusion(found, as_of=selection.as_of)
    explained: QuerySet[Any] = known.annotate(
        why=_why(selection, campaign="prompt__campaign", opening="prompt__opening")
    )
    return explained


def _prompts(selection: Selection) -> QuerySet[Any]:
    """Those that were there by then, of campaigns of real work. Simulated campaigns ask copies of others' prompts."""
    found = Prompt.objects.filter(created_at__lte=selection.as_of, campaign__stage=CampaignStage.WORK).order_by("id")
    if selection.held_out:
        found = found.none()
    if not selection.include_simulated:
        found = found.filter(campaign__simulated=False)
    if selection.since is not None:
        found = found.filter(created_at__gt=selection.since)
    found = _where(found, selection, campaign="campaign", opening="opening")
    known = prompts_with_exclusion(found, as_of=selection.as_of)
    explained: QuerySet[Any] = known.annotate(why=_why(selection, campaign="campaign", opening="opening"))
    return explained


def _selected(labels: L, selection: Selection, *, campaign: str, opening: str) -> L:
    """The last revisions of real work between the times, of the selection's group, campaigns and split."""
    group = LabelerGroup.HELD_OUT if selection.held_out else LabelerGroup.TRAINING
    last = labels.of_work().last_revisions(as_of=selection.as_of)
    if selection.since is not None:
        last = last.filter(submitted_at__gt=selection.since)
    found = last.of_group(group, include_simulated=selection.include_simulated).order_by("id")
    return _where(found, selection, campaign=campaign, opening=opening)


def _where(labels: Labels, selection: Selection, *, campaign: str, opening: str) -> Labels:
    """Those of the campaigns and the split that are asked for."""
    found = labels
    if selection.campaigns is not None:
        found = found.filter(**{f"{campaign}__slug__in": selection.campaigns})
    wanted = {f"{campaign}__slug": selection.campaign, f"{opening}__split": selection.split}
    return found.filter(**{lookup: value for lookup, value in wanted.items() if value is not None})


def _why(selection: Selection, *, campaign: str, opening: str) -> Case:
    """Why a label is left out; KEPT where it is not. `excluded` is there already."""
    unused = Q(**{f"{campaign}__slug__in": selection.never_train})
    if not selection.held_out:  # whose work is in none of the splits
        unused |= Q(**{f"{campaign}__slug__in": selection.evaluate_only, f"{opening}__split": TRAIN})
    return Case(When(~Q(excluded=KEPT), then=F("excluded")), When(unused, then=Value(USE)), default=Value(KEPT))


def _counted(labels: QuerySet[Any]) -> dict[str, int]:
    left_out = labels.exclude(why=KEPT).order_by("why")
    return dict(left_out.values_list("why").annotate(count=Count("pk")))
