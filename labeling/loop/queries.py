"""What a loop waits for, and what is known of its turns."""

from dataclasses import dataclass
from datetime import datetime

from labeling.base.states import CampaignState, CampaignUse, EvaluationState, LabelerGroup, RunState, TurnState, Verdict
from labeling.desk.ranking.models import Ranking
from labeling.evaluations.rules.gate import Decision
from labeling.exports.queries import rankings_not_left_out
from labeling.loop.models import Loop, Turn
from labeling.policies.models import PolicyRun
from labeling.training.models import TrainingRun
from labeling.training.services.schedule import trained_up_to


def new_rankings(loop: Loop) -> int:
    """Rankings for its reward model since the one that its last turn trained on, or that was trained before any."""
    feeding = loop.reward_model.campaigns.filter(use=CampaignUse.TRAIN_AND_EVALUATE).exclude(state=CampaignState.DRAFT)
    handed_in = Ranking.objects.of_work().first_submissions()
    fresh = handed_in.of_group(LabelerGroup.TRAINING, include_simulated=loop.include_simulated)
    return rankings_not_left_out(
        fresh.filter(task__campaign__in=feeding, submitted_at__gt=_learned_up_to(loop))
    ).count()


def _learned_up_to(loop: Loop) -> datetime:
    runs = TrainingRun.objects.filter(reward_model=loop.reward_model)
    own = runs.filter(turn__loop=loop, state=RunState.DONE)
    return trained_up_to(own if own.exists() else runs)


@dataclass(frozen=True, kw_only=True)
class PolicyFigures:
    """Mean rewards on held-out prompts at the start and of the policy that was kept, by the reward model that watches
    where there is one; the KL to the start there, nats an answer.
    """

    started: float | None
    reached: float | None
    kl: float | None


def figures_of_policy(run: PolicyRun) -> PolicyFigures:
    kept = (run.model_version.metrics.get("chosen") if run.model_version else None) or None
    looks = {look.step: look.figures for look in run.looks.order_by("step")}
    last = kept if kept in looks else max(looks, default=0)
    kls = [
        figures["kl"]
        for figures in run.points.filter(step__lte=last).order_by("step").values_list("figures", flat=True)
        if figures.get("kl") is not None
    ]
    return PolicyFigures(
        started=_reward(looks.get(0, {})),
        reached=_reward(looks[last]) if last else None,
        kl=kls[-1] if kls else None,
    )


def _reward(figures: dict[str, float]) -> float | None:
    return next((figures[name] for name in ("watched", "optimised") if figures.get(name) is not None), None)


def decision_of(turn: Turn) -> Decision | None:
    """What people have said so far; None before anybody has."""
    decision: Decision | None = turn.evaluation.decision if turn.evaluation else None
    return decision if decision and decision["prompts"] else None


def not_worse(run: TrainingRun) -> bool:
    """Whether the rule of promotion found its version not worse on the frozen test set."""
    return bool(run.promotion.get("test", {}).get("holds"))


def watching_run(turn: Turn) -> TrainingRun | None:
    """The run of the reward model that watches the turn's, from the other half of the prompts."""
    return getattr(turn.training_run, "watching", None)


def why_not_again(turn: Turn) -> str:
    """A sentence; "" where the step in which the turn ended may be done again."""
    if turn.state != TurnState.ENDED:
        return "Only a turn that has ended without a new policy can be taken up again."
    later = turn.loop.turns.filter(number__gt=turn.number).exclude(state=TurnState.RANKINGS)
    if later.exists():
        return "A later turn is under way. Take that one up again, or wait for it."
    evaluation = turn.evaluation
    if evaluation and evaluation.state == EvaluationState.DONE and evaluation.verdict != Verdict.PASSED:
        return "People have judged its policy, and it did not pass. Go on with the next turn."
    return ""
