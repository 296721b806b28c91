"""Evaluations are planned: what is compared, on which prompts, and how many of them."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from labeling.base.refusals import EvaluationRefused
from labeling.base.states import ModelKind
from labeling.campaigns.mixture.rules import MOST_PARTS
from labeling.campaigns.models.campaigns import Campaign
from labeling.evaluations.models import SPLITS, Evaluation
from labeling.evaluations.queries.prompts import held_out_prompts, learned_from_split
from labeling.evaluations.rules.planning import prompts_needed
from labeling.model_versions.models import ModelVersion
from lm.snapshot.records.constants import TRAIN


@transaction.atomic
def plan_evaluation(
    *,
    name: str,
    source: Campaign,
    candidate: ModelVersion,
    baseline: ModelVersion | None,
    others: Sequence[ModelVersion] = (),
    demonstrations: bool = False,
    split: str = "test",
    held_out_only: bool = True,
    margin: float = 0.0,
    confidence: float = 0.95,
    gain: float = 0.1,
    power: float = 0.8,
    rankings_per_prompt: int = 1,
    promote_automatically: bool = False,
    by: User | None = None,
) -> Evaluation:
    """Plans as many prompts as the power needs, or all held-out ones of the campaign where there are fewer.

    `baseline` None: human demonstrations. Simulated labelers judge in simulated campaigns, none of them held out.
    Raises EvaluationRefused.
    """
    versions = [candidate, *([baseline] if baseline else []), *others]
    demonstrations = demonstrations or baseline is None
    _check_versions(versions, answers=len(versions) + demonstrations)
    _check_prompts(source, versions, split=split, demonstrations=demonstrations)
    _check_gain(margin=margin, gain=gain)
    evaluation = Evaluation(
        name=name.strip(),
        source=source,
        candidate=candidate,
        baseline=baseline,
        demonstrations=demonstrations,
        split=split,
        held_out_only=held_out_only and not source.simulated,
        margin=margin,
        confidence=confidence,
        gain=gain,
        power=power,
        rankings_per_prompt=rankings_per_prompt,
        size=1,
        promote_automatically=promote_automatically,
        planned_by=by,
    )
    _check_fields(evaluation)
    prompts = held_out_prompts(source, split=split, demonstrations=demonstrations)
    evaluation.size = min(prompts.count(), prompts_needed(evaluation.rule))
    evaluation.save()
    evaluation.others.set(others)
    return evaluation


def _check_versions(versions: Sequence[ModelVersion], *, answers: int) -> None:
    for version in versions:
        if version.kind != ModelKind.SFT:
            raise EvaluationRefused(f"“{version}” is a reward model, which answers nobody. Choose language models.")
        if versions.count(version) > 1:
            raise EvaluationRefused(f"“{version}” is named twice. Choose different versions.")
    if len(versions) > MOST_PARTS:
        raise EvaluationRefused(f"{len(versions)} models are too many for one ranking; {MOST_PARTS} are the most.")
    if answers < 2:
        raise EvaluationRefused("One model alone can't be compared. Choose a baseline, or demonstrations.")


def _check_prompts(source: Campaign, versions: Sequence[ModelVersion], *, split: str, demonstrations: bool) -> None:
    if split == TRAIN:
        raise EvaluationRefused(
            "Models learn from the prompts of the split train, so that they would be judged by what they know. "
            "Choose test or valid."
        )
    if split not in dict(SPLITS):
        raise EvaluationRefused(f"There is no split “{split}”. Choose test or valid.")
    for version in versions:
        if learned := learned_from_split(version, split):
            by_way = "" if learned == version else f", by way of “{learned}”"
            raise EvaluationRefused(
                f"“{version}” learned from the prompts of the split {split}{by_way} (snapshot {learned.snapshot_id}). "
                "Choose the other split."
            )
    if not held_out_prompts(source, split=split, demonstrations=demonstrations).exists():
        with_one = " that has a demonstration" if demonstrations else ""
        raise EvaluationRefused(
            f"“{source}” has no prompt of the split {split}{with_one}. Add prompts of further submitters (about one "
            "submitter in ten is in each of valid and test), or choose another split or campaign."
        )


def _check_gain(*, margin: float, gain: float) -> None:
    if not margin and not gain:
        raise EvaluationRefused(
            "With a margin of 0 the candidate has to be better; say by how much it is expected to win, more than 50%."
        )


def _check_fields(evaluation: Evaluation) -> None:
    try:
        evaluation.full_clean()
    except ValidationError as wrong:
        raise EvaluationRefused(" ".join(wrong.messages)) from wrong
