"""What a policy answered on the way: the same prompts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from labeling.base.states import CampaignStage, Half, ModelKind, ModelState
from labeling.campaigns.models.prompts import Prompt
from labeling.model_versions.models import ModelVersion
from labeling.policies.models import PolicyLook, PolicyRun
from lm.progress import Sample
from lm.prompt_format import Message
from lm.snapshot.records.constants import TEST, VALID


@dataclass(frozen=True)
class Pair:
    """What two looks of a run answered to one prompt; None where one was not asked it."""

    prompt: Sequence[Message]
    before: Sample | None
    after: Sample | None


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """`steps`: of all looks; `before` and `after`: of those that are compared."""

    steps: list[int]
    before: int
    after: int
    pairs: list[Pair]


def side_by_side(run: PolicyRun, *, after: int | None = None) -> SideBySide | None:
    """The first look beside the one after that step, or the last. None before there is one to compare."""
    steps = list(run.looks.order_by("step").values_list("step", flat=True))
    if not steps:
        return None
    chosen = after if after in steps else steps[-1]
    looks = {look.step: look for look in run.looks.filter(step__in=(steps[0], chosen))}
    first, second = looks[steps[0]], looks[chosen]
    return SideBySide(steps=steps, before=steps[0], after=chosen, pairs=_pairs(first, second))


def _pairs(first: PolicyLook, second: PolicyLook) -> list[Pair]:
    answers: list[dict[str, Sample]] = [
        {str(each["prompt"]): each for each in look.samples} for look in (first, second)
    ]
    before, after = answers
    prompts = before | after
    return [Pair(one["prompt"], before.get(key), after.get(key)) for key, one in prompts.items()]


def held_out_prompts(*, most: int) -> list[Prompt]:
    """Prompts of real work that nothing is trained on, each opening once, in the order of their ids."""
    fit = Prompt.objects.filter(
        opening__split__in=(VALID, TEST), campaign__stage=CampaignStage.WORK, campaign__simulated=False,
        set_aside_reason="",
    )  # fmt: skip
    first = fit.order_by("opening", "pk").distinct("opening").values("pk")
    return list(Prompt.objects.filter(pk__in=first).order_by("pk")[:most])


def versions_to_choose(kind: ModelKind) -> QuerySet[ModelVersion]:
    """Those that a run may begin from or be rewarded by, the latest first.

    One may begin again from a language model that another has replaced; a reward model that is retired is out of use.
    """
    of_kind = ModelVersion.objects.filter(kind=kind).order_by("-pk")
    return of_kind.exclude(state=ModelState.RETIRED) if kind == ModelKind.REWARD else of_kind


def same_labels(run: PolicyRun) -> list[ModelVersion]:
    """The reward models of the run that learned from what the watching one learned from, too: it likes what they like,
    so that it will not see when the policy pleases them alone.
    """
    watching = run.watched_by
    if watching is None:
        return []
    optimised = [one for one in (run.rewarded_by, *run.ensemble.order_by("pk")) if one is not None]
    return [one for one in optimised if _share_labels(one, watching)]


def _share_labels(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether they are known to. Two halves share no prompt, whatever their snapshots."""
    if one.snapshot_id is None or other.snapshot_id is None or {one.half, other.half} == {Half.FIRST, Half.SECOND}:
        return False
    assert one.reward_model is not None  # a CHECK constraint: they are no SFT models
    assert other.reward_model is not None
    first, second = one.reward_model.source, other.reward_model.source
    return (
        one.snapshot_id == other.snapshot_id
        or first == second
        or first.campaigns.filter(pk__in=second.campaigns.values("pk")).exists()
    )
