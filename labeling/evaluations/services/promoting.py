"""The candidate of an evaluation that it has passed becomes current, by itself or by a button."""

from typing import cast

from django.db import transaction

from labeling.base.refusals import EvaluationRefused, Refusal
from labeling.base.states import ModelState, Verdict
from labeling.evaluations.models import Evaluation
from labeling.evaluations.rules.gate import Decision
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_sft_model
from labeling.model_versions.services.promotion import promote_when_checked


def lock(evaluation: Evaluation) -> Evaluation:
    rows = Evaluation.objects.select_for_update(of=("self",)).select_related(
        "source", "campaign", "candidate", "baseline"
    )
    return rows.get(pk=evaluation.pk)


def promote_or_say_why_not(evaluation: Evaluation) -> None:
    try:
        with transaction.atomic():
            promote_candidate(evaluation=evaluation)
    except Refusal as refusal:
        Evaluation.objects.filter(pk=evaluation.pk).update(note=f"Not promoted: {refusal}")


@transaction.atomic
def promote_candidate(*, evaluation: Evaluation) -> ModelVersion:
    """Promotes the candidate of an evaluation that it has passed, with the evaluation as the reason.

    Raises EvaluationRefused: it has not passed, it was retired, or meanwhile another model is current than the one that
    it was held against; ModelRefused.
    """
    evaluation = lock(evaluation)
    if why_not := why_not_promoted(evaluation):
        raise EvaluationRefused(why_not)
    version = promote_when_checked(
        version=evaluation.candidate,
        reason=reason_of(evaluation),
        simulated=evaluation.candidate.simulated and evaluation.source.simulated,
    )
    promoted = "Promoted." if version.state == ModelState.CURRENT else "Promoted as soon as a worker has used it once."
    Evaluation.objects.filter(pk=evaluation.pk).update(note=promoted)
    return version


def why_not_promoted(evaluation: Evaluation) -> str:
    """A sentence; "" where the candidate may be promoted."""
    candidate, current = evaluation.candidate, current_sft_model()
    if evaluation.verdict != Verdict.PASSED:
        return f"“{evaluation}” has not passed. To promote its candidate all the same, go to the model's own page."
    if candidate.state == ModelState.CURRENT:
        return f"“{candidate}” is current already."
    if candidate.state == ModelState.RETIRED:
        return f"“{candidate}” was retired meanwhile: {candidate.state_reason}"
    if current is not None and evaluation.baseline is not None and current != evaluation.baseline:
        return (
            f"Meanwhile “{current}” is current, and the candidate was held against “{evaluation.baseline}”. "
            "Evaluate them against each other, or promote it on its own page."
        )
    return ""


def reason_of(evaluation: Evaluation) -> str:
    decision = cast("Decision", evaluation.decision)
    against = evaluation.baseline or "human demonstrations"
    return (
        f"Evaluation {evaluation.pk} “{evaluation}”: preferred to {against} in {decision['win_rate']:.1%} of "
        f"{decision['prompts']} prompts (ties half); with {decision['confidence']:.1%} confidence above "
        f"{decision['low']:.1%}, where {decision['needed']:.1%} is asked for."
    )
