"""Which completions a task still lacks, and from which model each is to come (labeling/campaigns/mixture)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.states import LabelerGroup, SamplingState, TaskState
from labeling.base.text import clean_answer
from labeling.campaigns.mixture.rules import WHOLE, MixturePart, slots_of
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.rules import drawn, text_key


@dataclass(frozen=True, kw_only=True)
class Slot:
    """`count` completions of a task that are to be sampled from one version. `best_of` 1: as they come."""

    task: RankingTask
    version: ModelVersion
    temperature: float
    top_p: float
    best_of: int
    count: int


def missing_slots(task: RankingTask, *, current: ModelVersion, is_usable: Callable[[ModelVersion], bool]) -> list[Slot]:
    """What the task lacks of its K, by the campaign's mixture; the same each time that it is asked.

    Versions that can't be used now leave their share to the others, so that no labeler waits for them; with none left
    there are no slots. Retired versions are sampled from as long as the mixture names them.
    """
    if task.one_each:
        return _one_of_each(task, current=current, is_usable=is_usable)
    kept = list(
        task.completions.values_list(
            "run__model_version_id", "run__temperature", "run__top_p", "run__best_of", "run__demonstration_id"
        )
    )
    missing = task.k_requested - len(kept)
    if missing <= 0:
        return []
    by_models = task.k_requested - sum(1 for *_settings, demonstration in kept if demonstration is not None)
    have = Counter(tuple(settings) for *settings, demonstration in kept if demonstration is None)
    found: list[Slot] = []
    for slot in _planned(task, by_models, current=current, is_usable=is_usable):
        key = (slot.version.pk, slot.temperature, slot.top_p, slot.best_of)
        already = min(have[key], slot.count)
        have[key] -= already
        lacking = min(slot.count - already, missing)
        missing -= lacking
        if lacking:
            found.append(_with_count(slot, lacking))
    return found


def _one_of_each(task: RankingTask, *, current: ModelVersion, is_usable: Callable[[ModelVersion], bool]) -> list[Slot]:
    """One completion of each version that has given none, nor another's text. None stands in for one that can't be
    used now: that would be no comparison.
    """
    campaign = task.campaign
    answered = set(
        task.sampling_runs.filter(Q(completions__isnull=False) | ~Q(repeated_key="")).values_list(
            "model_version", flat=True
        )
    )
    versions = _versions_of(campaign.mixture, current)
    return [
        Slot(
            task=task,
            version=version,
            temperature=campaign.temperature if part["temperature"] is None else part["temperature"],
            top_p=campaign.top_p if part["top_p"] is None else part["top_p"],
            best_of=1,
            count=1,
        )
        for part in campaign.mixture
        if (version := versions[part["model"]]).pk not in answered and is_usable(version)
    ]


def _with_count(slot: Slot, count: int) -> Slot:
    return Slot(
        task=slot.task, version=slot.version, temperature=slot.temperature, top_p=slot.top_p, best_of=slot.best_of,
        count=count,
    )  # fmt: skip


def _planned(
    task: RankingTask, k: int, *, current: ModelVersion, is_usable: Callable[[ModelVersion], bool]
) -> list[Slot]:
    campaign = task.campaign
    versions = _versions_of(campaign.mixture, current)
    parts = [part for part in campaign.mixture or [WHOLE] if is_usable(versions[part["model"]])]
    if not parts:
        return []
    slots = slots_of(
        parts=parts,
        k=k,
        best_of_percent=campaign.best_of_percent,
        best_of=campaign.best_of,
        draw=drawn(f"mixture/{task.pk}"),
    )
    return [
        Slot(
            task=task,
            version=versions[each.part["model"]],
            temperature=campaign.temperature if each.part["temperature"] is None else each.part["temperature"],
            top_p=campaign.top_p if each.part["top_p"] is None else each.part["top_p"],
            best_of=each.best_of,
            count=each.count,
        )
        for each in slots
    ]


def versions_of(task: RankingTask, current: ModelVersion) -> list[ModelVersion]:
    """From which its completions may come."""
    versions = _versions_of(task.campaign.mixture, current)
    return [versions[part["model"]] for part in task.campaign.mixture or [WHOLE]]


def _versions_of(parts: Sequence[MixturePart], current: ModelVersion) -> dict[int | None, ModelVersion]:
    """By what the mixture calls them; None: the current one."""
    named = ModelVersion.objects.in_bulk([part["model"] for part in parts if part["model"] is not None])
    return {None: current, **named}


@transaction.atomic
def add_demonstration(task: RankingTask) -> None:
    """Where the campaign asks for it and somebody has written an ideal answer, that is one of the completions.

    A held-out labeler's is not taken, for what comes of it may be trained on. Its author is not offered the task.
    """
    if not task.campaign.include_demonstration:
        return
    locked = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if locked.state != TaskState.SAMPLING or locked.sampling_runs.filter(demonstration__isnull=False).exists():
        return
    written = task.prompt.demonstrations.filter(
        labeler_group=LabelerGroup.TRAINING, simulated=task.campaign.simulated
    ).exclude(source="edit")
    # The highest revision of all is its author's last.
    demonstration = written.order_by("-revision", "pk").first()
    if demonstration is None or (locked.reserved_for_id and demonstration.labeler_id == locked.reserved_for_id):
        return
    text = clean_answer(demonstration.text)
    if locked.completions.filter(text_key=text_key(text)).exists() or locked.completions.count() >= task.k_requested:
        return
    run = SamplingRun.objects.create(
        task=locked,
        demonstration=demonstration,
        requested=1,
        state=SamplingState.DONE,
        finished_at=timezone.now(),
    )
    Completion.objects.create(task=locked, run=run, text=text, text_key=text_key(text), finish_reason="written")
    RankingTask.objects.filter(pk=locked.pk).update(written_by=demonstration.labeler_id)
