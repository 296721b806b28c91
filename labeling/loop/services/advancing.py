"""A turn goes on: each step begins once, is waited for, and must pass its gate before the next begins.

Beat looks every minute. The loop's row is locked meanwhile, so that two beats, or a message that is delivered twice,
begin nothing twice.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from labeling.base.refusals import EvaluationRefused, ModelRefused, PolicyRefused, RetrainingRefused
from labeling.base.states import (
    OPEN_TURN_STATES,
    CampaignStage,
    CampaignState,
    CheckState,
    EvaluationState,
    ModelState,
    PolicyStage,
    RunState,
    TurnState,
    Verdict,
)
from labeling.campaigns.services.campaigns import change_campaign
from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.promoting import promote_candidate
from labeling.evaluations.services.running import start_evaluation
from labeling.loop.models import Loop, Turn
from labeling.loop.queries import figures_of_policy, new_rankings, not_worse, watching_run
from labeling.loop.rules import policy_gate, reward_model_gate, with_policy
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_reward_model, current_sft_model
from labeling.policies.models import PolicyRun
from labeling.policies.services.requesting import request_policy_run
from labeling.training.models import Run
from labeling.training.services.requesting import request_retraining

log = logging.getLogger(__name__)


class Step(Protocol):
    """Begins its work, or looks at what became of it; True when the turn has left the step."""

    def __call__(self, turn: Turn) -> bool: ...


def advance_loops() -> None:
    """Every loop that is not paused, each in a transaction of its own."""
    for loop in Loop.objects.filter(paused=False).order_by("pk"):
        advance(loop=loop)


@transaction.atomic
def advance(*, loop: Loop) -> Turn | None:
    """Takes the loop's turn as far as it goes now, and opens one where none is. None: it is paused.

    Calling it again changes nothing until something has happened.
    """
    loop = lock(loop)
    if loop.paused:
        return None
    turn = open_turn(loop) or _next_turn(loop)
    while not loop.paused and turn.state in STEPS and STEPS[TurnState(turn.state)](turn):
        pass
    return turn


def lock(loop: Loop) -> Loop:
    return Loop.objects.select_for_update(of=("self",)).select_related("reward_model", "source").get(pk=loop.pk)


def open_turn(loop: Loop) -> Turn | None:
    turn = loop.turns.filter(state__in=OPEN_TURN_STATES).first()
    if turn is not None:
        turn.loop = loop  # the locked one
    return turn


def _next_turn(loop: Loop) -> Turn:
    latest = loop.turns.aggregate(latest=Max("number"))["latest"] or 0
    return Turn.objects.create(
        loop=loop,
        number=latest + 1,
        reward_before=current_reward_model(loop.reward_model),
        policy_before=current_sft_model(),
    )


def _collect_rankings(turn: Turn) -> bool:
    count = new_rankings(turn.loop)
    if count < turn.loop.min_new_rankings:
        return False
    if turn.rankings is None:
        Turn.objects.filter(pk=turn.pk).update(rankings=count)
    return _go_on(turn, TurnState.REWARD_MODEL, reward_before=current_reward_model(turn.loop.reward_model))


def _train_reward_model(turn: Turn) -> bool:
    if turn.training_run is None:
        return _begin_reward_model(turn)
    if (version := _outcome(turn, turn.training_run)) is None:
        return turn.state == TurnState.ENDED
    watching = watching_run(turn)
    if watching is not None and _outcome(turn, watching) is None:
        return turn.state == TurnState.ENDED
    closed = reward_model_gate(
        gate=turn.loop.reward_gate,
        name=version.name,
        is_current=version.state == ModelState.CURRENT,
        not_worse=not_worse(turn.training_run),
        decision=turn.training_run.decision,
    )
    if closed:
        return _end(turn, closed, reward_after=version)
    return _go_on(turn, TurnState.POLICY, reward_after=version)


def _begin_reward_model(turn: Turn) -> bool:
    try:
        turn.training_run = request_retraining(
            reward_model=turn.loop.reward_model,
            trigger="loop",
            note=f"{turn} has {turn.rankings} new rankings.",
            include_simulated=turn.loop.include_simulated,
            promote_simulated=turn.loop.include_simulated,
        )
    except RetrainingRefused as busy:  # a run that somebody else began comes first
        return _wait(turn, str(busy))
    Turn.objects.filter(pk=turn.pk).update(training_run=turn.training_run, note="")
    return False


def _train_policy(turn: Turn) -> bool:
    if turn.policy_run is None:
        return _begin_policy(turn)
    if (version := _outcome(turn, turn.policy_run)) is None:
        return turn.state == TurnState.ENDED
    found = figures_of_policy(turn.policy_run)
    closed = policy_gate(
        started=found.started,
        reached=found.reached,
        kl=found.kl,
        least_gain=turn.loop.least_gain,
        most_kl=turn.loop.most_kl,
    )
    if closed:
        return _end(turn, closed, policy_after=version)
    # people's time is spent on it only when a worker has sampled from it
    check = version.last_check
    if check is not None and check.state == CheckState.FAILED:
        return _fail(turn, f"The worker that tried “{version}” failed: {check.failure}", policy_after=version)
    if check is not None and check.state == CheckState.WAITING:
        return _wait(turn, f"A sampling worker tries “{version}” first.")
    return _go_on(turn, TurnState.EVALUATION, policy_after=version)


def _begin_policy(turn: Turn) -> bool:
    if busy := PolicyRun.objects.active().filter(stage=PolicyStage.PPO).first():
        return _wait(turn, f"{busy} is under way; this turn's begins after it.")
    before = current_sft_model()
    try:
        turn.policy_run = request_policy_run(
            stage=PolicyStage.PPO,
            trigger="loop",
            note=str(turn),
            start=before,
            rewarded_by=turn.reward_after,
            include_simulated=turn.loop.include_simulated,
        )
    except PolicyRefused as refused:
        return _fail(turn, str(refused))
    Turn.objects.filter(pk=turn.pk).update(policy_run=turn.policy_run, policy_before=before, note="")
    return False


def _evaluate(turn: Turn) -> bool:
    if turn.evaluation is None:
        return _begin_evaluation(turn)
    evaluation, candidate = turn.evaluation, turn.evaluation.candidate
    if evaluation.state == EvaluationState.STOPPED:
        return _fail(turn, f"The evaluation was stopped: {evaluation.note}")
    if evaluation.state != EvaluationState.DONE:
        return False
    if evaluation.verdict != Verdict.PASSED:
        verdict = evaluation.get_verdict_display()
        return _end(turn, f"People do not prefer “{candidate}” enough: {verdict}.")
    if candidate.state != ModelState.CURRENT:
        return _promote(turn)
    if _held_back(turn):
        return False
    turn.move(to=TurnState.PROMOTED, ended_at=timezone.now(), note=_enter_mixtures(turn, candidate))
    return True


def _begin_evaluation(turn: Turn) -> bool:
    loop, before = turn.loop, current_sft_model()
    assert turn.policy_after is not None  # it passed its gate
    try:
        with transaction.atomic():
            planned = plan_evaluation(
                name=str(turn),
                source=loop.source,
                candidate=turn.policy_after,
                baseline=before,
                split=loop.split,
                held_out_only=loop.held_out_only,
                margin=loop.margin,
                confidence=loop.confidence,
                gain=loop.gain,
            )
            turn.evaluation = start_evaluation(evaluation=planned)
    except EvaluationRefused as refused:
        return _fail(turn, str(refused))
    Turn.objects.filter(pk=turn.pk).update(evaluation=turn.evaluation, policy_before=before, note="")
    return False


def _promote(turn: Turn) -> bool:
    """Asks for the promotion once; a worker may have to try the model before it is current."""
    if _held_back(turn):
        return False
    assert turn.evaluation is not None
    candidate = turn.evaluation.candidate
    check = candidate.last_check
    if check is not None and check.promotion_reason and check.state == CheckState.WAITING:
        return _wait(turn, f"A sampling worker tries “{candidate}” first.")
    if check is not None and check.state == CheckState.FAILED:
        return _fail(turn, f"The worker that tried “{candidate}” failed: {check.failure}")
    try:
        with transaction.atomic():
            version = promote_candidate(evaluation=turn.evaluation)
    except (EvaluationRefused, ModelRefused) as refused:
        return _fail(turn, str(refused))
    turn.evaluation.refresh_from_db()
    return version.state == ModelState.CURRENT


def _enter_mixtures(turn: Turn, version: ModelVersion) -> str:
    """Campaigns that feed the reward model sample the new policy from now on. Returns what was done, in words."""
    campaigns = turn.loop.reward_model.campaigns.filter(stage=CampaignStage.WORK, one_each=False)
    said = []
    for campaign in campaigns.exclude(state=CampaignState.CLOSED).exclude(mixture=[]).order_by("pk"):
        mixture = with_policy(campaign.mixture, model=version.pk, share=turn.loop.mixture_share)
        if mixture is None:
            said.append(
                f"The mixture of “{campaign}” is full, so “{version}” did not enter it; take a line out by hand."
            )
        elif mixture != campaign.mixture:
            change_campaign(campaign=campaign, mixture=mixture)
            said.append(f"“{version}” entered the mixture of “{campaign}”.")
    return "\n".join(said)


STEPS: Mapping[TurnState, Step] = {
    TurnState.RANKINGS: _collect_rankings,
    TurnState.REWARD_MODEL: _train_reward_model,
    TurnState.POLICY: _train_policy,
    TurnState.EVALUATION: _evaluate,
}


def _outcome(turn: Turn, run: Run) -> ModelVersion | None:
    """The version that came of a run; None while it is under way, and where it failed, which ends the turn."""
    if run.state == RunState.FAILED:
        _fail(turn, f"{run} failed: {run.failure}")
    version = run.model_version if run.state == RunState.DONE else None
    if version is not None and version.state == ModelState.RETIRED:
        _end(turn, f"“{version}” was retired meanwhile: {version.state_reason}")
        return None
    return version


def _held_back(turn: Turn) -> bool:
    """Whether somebody wants to look before it goes on from here. If so the loop pauses, once."""
    if turn.state not in turn.loop.pauses_after or turn.let_through == turn.state:
        return False
    pause(turn.loop, f"“{turn.get_state_display()}” is done, and somebody wants to look before the turn goes on.")
    return True


def _go_on(turn: Turn, step: TurnState, **found: ModelVersion | None) -> bool:
    if _held_back(turn):
        Turn.objects.filter(pk=turn.pk).update(**found)
        return False
    turn.move(to=step, note="", **found)
    turn.refresh_from_db(fields=["rankings"])
    return True


def _wait(turn: Turn, why: str) -> bool:
    Turn.objects.filter(pk=turn.pk).exclude(note=why).update(note=why)
    return False


def _end(turn: Turn, reason: str, **found: ModelVersion) -> bool:
    """A gate is closed: the next turn waits for further rankings."""
    turn.move(to=TurnState.ENDED, ended_in=turn.state, reason=reason, ended_at=timezone.now(), note="", **found)
    log.warning("%s ended: %s", turn, reason)
    return True


def _fail(turn: Turn, reason: str, **found: ModelVersion) -> bool:
    """Something broke, which a further turn would meet as well: the loop pauses until somebody has looked."""
    _end(turn, reason, **found)
    pause(turn.loop, reason)
    return True


def pause(loop: Loop, why: str) -> None:
    loop.paused, loop.paused_because = True, why
    loop.save(update_fields=["paused", "paused_because"])
