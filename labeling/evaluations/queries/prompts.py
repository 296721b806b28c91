"""Which prompts an evaluation may ask, and who may judge the answers."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.base.states import LabelerGroup, LabelerState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.evaluations.models import Evaluation
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import ALL_THE_SAME, RankingTask
from labeling.ranking_tasks.rules import drawn


def held_out_prompts(source: Campaign, *, split: str, demonstrations: bool) -> QuerySet[Prompt]:
    """The campaign's prompts of a split that nothing is trained on, of which work may be handed out.

    `demonstrations`: those that have one which may stand among the answers (add_demonstration of ranking_tasks).
    """
    prompts = Prompt.objects.filter(campaign=source, opening__split=split, set_aside_reason="")
    if not demonstrations:
        return prompts
    written = Demonstration.objects.filter(
        prompt=OuterRef("pk"), labeler_group=LabelerGroup.TRAINING, simulated=source.simulated
    )
    return prompts.filter(Exists(written.exclude(source="edit")))


def next_prompts(evaluation: Evaluation, *, at_most: int) -> list[Prompt]:
    """Prompts that it has not asked yet, in an order that chance decided once: stopping early leaves a fair sample."""
    asked = RankingTask.objects.filter(campaign=evaluation.campaign, prompt=OuterRef("pk"))
    left = held_out_prompts(evaluation.source, split=evaluation.split, demonstrations=evaluation.demonstrations)
    keys = left.filter(~Exists(asked)).order_by("pk").values_list("pk", flat=True)
    chosen = sorted(keys, key=lambda key: drawn(f"evaluation/{evaluation.pk}/{key}"))[:at_most]
    found = Prompt.objects.in_bulk(chosen)
    return [found[key] for key in chosen]


def judges_of(source: Campaign, *, held_out_only: bool) -> QuerySet[Labeler]:
    """The labelers who may be given its tasks now."""
    labelers = Labeler.objects.filter(
        state=LabelerState.ACTIVE,
        simulated=source.simulated,
        languages__overlap=source.languages,
        skills__contains=source.required_skills,
    )
    return labelers.filter(group=LabelerGroup.HELD_OUT) if held_out_only else labelers


def learned_from_split(version: ModelVersion, split: str) -> ModelVersion | None:
    """The version, or that of its ancestors, which learned from a snapshot of nothing but this split."""
    seen: set[int] = set()
    known: ModelVersion | None = version
    while known is not None and known.pk not in seen:
        seen.add(known.pk)
        if known.snapshot is not None and known.snapshot.filters.get("split") == split:
            return known
        known = known.parent
    return None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Of an evaluation's prompts: `asked` so far without those that could not be or were set aside, of which `waiting`
    are to be sampled or ranked.
    """

    asked: int
    waiting: int


def progress_of(evaluation: Evaluation) -> Progress:
    tasks = RankingTask.objects.filter(campaign=evaluation.campaign, copy_of=None, prompt__set_aside_reason="")
    could_not = Q(state=TaskState.SET_ASIDE) & ~Q(set_aside_reason=ALL_THE_SAME)
    return Progress(
        asked=tasks.exclude(could_not).count(),
        waiting=tasks.filter(state__in=[TaskState.SAMPLING, TaskState.READY]).count(),
    )
