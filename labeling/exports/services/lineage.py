"""Which snapshots hold a prompt or labels of it, and which model versions learned from them."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q

from labeling.campaigns.models.prompts import Prompt
from labeling.exports.models import Snapshot
from labeling.exports.services.selected import demonstrations_of, imported_rankings_of, prompts_of, rankings_of
from labeling.exports.services.selection import Selection
from labeling.model_versions.models import ModelVersion


def snapshots_with(prompts: Collection[Prompt]) -> list[Snapshot]:
    """What a snapshot holds follows from its time and filters, so that no list of its rows is kept: each is asked."""
    if not prompts:
        return []
    earliest = min(prompt.created_at for prompt in prompts)
    later = Snapshot.objects.filter(as_of__gte=earliest).order_by("pk")
    return [snapshot for snapshot in later if _holds(snapshot, prompts)]


def models_that_saw(snapshots: Sequence[Snapshot]) -> list[ModelVersion]:
    """Trained on one of them, or going back to a version that was: as its child, or rewarded or chosen by it.

    A reward model of one half of a snapshot is named for prompts of the other half, too: the demonstrations that set
    the level of its rewards, and what it was judged by, are those of both.
    """
    found = {version.pk: version for version in ModelVersion.objects.filter(snapshot__in=snapshots)}
    while new := list(ModelVersion.objects.filter(_made_by(found)).exclude(pk__in=found)):
        found |= {version.pk: version for version in new}
    return [found[pk] for pk in sorted(found)]


def _made_by(versions: Collection[int]) -> Q:
    origins = ("parent", "rewarded_by", "watched_by", "ensemble")
    return reduce(or_, (Q(**{f"{name}__in": versions}) for name in origins))


def _holds(snapshot: Snapshot, prompts: Collection[Prompt]) -> bool:
    selection = Selection.of_snapshot(as_of=snapshot.as_of, filters=snapshot.filters)
    kinds = set(selection.kinds)
    if {"rankings", "pairs"} & kinds:
        if rankings_of(selection).filter(task__prompt__in=prompts).exists():
            return True
        if selection.include_imported and imported_rankings_of(selection).filter(prompt__in=prompts).exists():
            return True
    if "prompts" in kinds and prompts_of(selection).filter(pk__in=[prompt.pk for prompt in prompts]).exists():
        return True
    return "demonstrations" in kinds and demonstrations_of(selection).filter(prompt__in=prompts).exists()
