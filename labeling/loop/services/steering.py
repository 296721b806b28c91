"""People set loops up, pause them, let them go on, and have a step done again."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from labeling.base.refusals import LoopRefused
from labeling.base.states import EvaluationState, RunState, TurnState
from labeling.campaigns.models.campaigns import Campaign
from labeling.loop.models import Loop, Turn
from labeling.loop.queries import watching_run, why_not_again
from labeling.loop.services.advancing import advance, lock, open_turn, pause
from labeling.model_versions.models import RewardModel

BEGINS = "Nobody has let it begin."
BY_HAND = "Somebody paused it."


@transaction.atomic
def create_loop(*, reward_model: RewardModel, source: Campaign, **gates: Any) -> Loop:
    """A loop that is paused until somebody lets it go on. Raises LoopRefused."""
    loop = Loop(reward_model=reward_model, source=source, paused_because=BEGINS, **gates)
    _check(loop)
    loop.save()
    return loop


@transaction.atomic
def change_loop(*, loop: Loop, **gates: Any) -> Loop:
    """Other gates, which hold from the next look on; what is under way began by the old ones. Raises LoopRefused."""
    loop = lock(loop)
    for name, value in gates.items():
        setattr(loop, name, value)
    _check(loop)
    loop.save(update_fields=list(gates))
    return loop


def _check(loop: Loop) -> None:
    try:
        loop.full_clean()
    except ValidationError as wrong:
        raise LoopRefused(" ".join(wrong.messages)) from wrong


@transaction.atomic
def pause_loop(*, loop: Loop) -> None:
    """Nothing new begins; what is under way ends, and is looked at when the loop goes on."""
    loop = lock(loop)
    if loop.paused:
        raise LoopRefused(f"The loop of “{loop}” is paused already.")
    pause(loop, BY_HAND)


@transaction.atomic
def let_go_on(*, loop: Loop) -> Turn | None:
    """The loop goes on at once, past the step after which it paused. Raises LoopRefused: it is not paused."""
    loop = lock(loop)
    if not loop.paused:
        raise LoopRefused(f"The loop of “{loop}” is not paused.")
    if turn := open_turn(loop):
        Turn.objects.filter(pk=turn.pk).update(let_through=turn.state)
    return _unpaused(loop)


@transaction.atomic
def take_up_again(*, turn: Turn) -> Turn | None:
    """Goes back into the step in which the turn ended: what failed is begun anew, and a gate is looked at again.

    A later turn that only waits for rankings gives way to it. Raises LoopRefused.
    """
    loop = lock(turn.loop)
    turn = loop.turns.get(pk=turn.pk)
    if why_not := why_not_again(turn):
        raise LoopRefused(why_not)
    loop.turns.filter(number__gt=turn.number, state=TurnState.RANKINGS).delete()
    turn.move(to=TurnState(turn.ended_in), ended_in="", reason="", ended_at=None, let_through="", **_begun_anew(turn))
    return _unpaused(loop)


def _begun_anew(turn: Turn) -> dict[str, None]:
    """The links to what failed, taken off."""
    failed: dict[str, None] = {}
    if any(run and run.state == RunState.FAILED for run in (turn.training_run, watching_run(turn))):
        failed["training_run"] = None
    if turn.policy_run and turn.policy_run.state == RunState.FAILED:
        failed["policy_run"] = None
    if turn.evaluation and turn.evaluation.state == EvaluationState.STOPPED:
        failed["evaluation"] = None
    return failed


def _unpaused(loop: Loop) -> Turn | None:
    Loop.objects.filter(pk=loop.pk).update(paused=False, paused_because="")
    return advance(loop=loop)
