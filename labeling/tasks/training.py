"""Training runs of reward models and policies, evaluations, and the loop that goes on by itself."""

from celery import shared_task
from django.conf import settings

from labeling.base.worker_locks import worker_name
from labeling.evaluations.services import running
from labeling.loop.services.advancing import advance_loops
from labeling.models import PolicyRun, TrainingRun
from labeling.policies.services.requesting import QUEUED_POLICY_RUNS
from labeling.policies.services.schedule import request_policies_if_due
from labeling.policies.services.training import train_policy as do_policy_run
from labeling.training.services import leavings
from labeling.training.services.comparisons import COMPARISONS, compare_models
from labeling.training.services.requesting import QUEUED_RUNS
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run, put_back_silent_runs
from labeling.training.services.schedule import Schedule, request_if_due


@shared_task
def retrain_if_due() -> None:
    """Beat: queues a retraining of each reward model whose thresholds are met, and sends every queued one."""
    request_if_due(
        Schedule(
            after_rankings=settings.RETRAIN_AFTER_RANKINGS,
            after_days=settings.RETRAIN_AFTER_DAYS,
            include_simulated=settings.INCLUDE_SIMULATED_IN_RETRAINING,
        )
    )
    QUEUED_RUNS.send()
    COMPARISONS.send()


@shared_task
def start_policies_if_due() -> None:
    """Beat: queues a run of each stage of which it is time, and sends every queued one."""
    request_policies_if_due()
    QUEUED_POLICY_RUNS.send()


@shared_task
def train_reward_model(run_id: int) -> None:
    """Export, train, evaluate, register, promote or not."""
    run = claim_run(run=TrainingRun.objects.get(pk=run_id), worker=worker_name())
    if run is not None:
        retrain(run)


@shared_task
def train_policy(run_id: int) -> None:
    """Export, train, register; nothing is promoted."""
    run = claim_run(run=PolicyRun.objects.get(pk=run_id), worker=worker_name())
    if run is not None:
        do_policy_run(run)


@shared_task
def compare_reward_models(comparison_id: int) -> None:
    """Two reward models that somebody wants beside each other."""
    compare_models(comparison_id=comparison_id)


@shared_task
def go_on_with_evaluations() -> None:
    """Beat: evaluations ask further prompts, and are decided as soon as what was judged decides them."""
    running.go_on_with_evaluations()


@shared_task
def go_on_with_loops() -> None:
    """Beat: each loop goes as far as it can, and what it began is sent to workers."""
    advance_loops()
    QUEUED_RUNS.send()
    QUEUED_POLICY_RUNS.send()


@shared_task
def take_up_silent_runs() -> None:
    """Beat: a run whose worker died without a word goes on with the next one."""
    if put_back_silent_runs(TrainingRun):
        QUEUED_RUNS.send()
    if put_back_silent_runs(PolicyRun):
        QUEUED_POLICY_RUNS.send()


@shared_task
def clear_leavings() -> None:
    """Beat: what failed trainings left on the disk."""
    leavings.clear_leavings(TrainingRun)
    leavings.clear_leavings(PolicyRun)
