"""The Celery tasks: each takes ids and calls one service. Every task may be killed at any moment and run again."""

import logging
import socket
from functools import partial
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError

from labeling.alerts.services.signs import AliveThread, forget_gone_workers
from labeling.alerts.services.watch import forget_old_incidents, watch
from labeling.api.services.idempotency import forget_old_requests
from labeling.api.services.webhooks import deliver_due, forget_old_deliveries
from labeling.base.attempts import forget_attempts_of, forget_old_attempts
from labeling.base.states import CampaignState
from labeling.console.queries.pace import paces
from labeling.console.queries.work import work_by_day
from labeling.console.services import count_days, count_figures
from labeling.conversations.services.harvesting import harvest_conversations
from labeling.desk.services import leases
from labeling.evaluations.services import running
from labeling.exports.services.requests import SNAPSHOT_REQUESTS, answer_snapshot_request
from labeling.imports.services.prompt_imports import IMPORTS, run_waiting
from labeling.loop.services.advancing import advance_loops
from labeling.model_versions.queries import current_reward_models, current_sft_model, why_unusable
from labeling.model_versions.services import checks, trying
from labeling.models import Campaign, ModelVersion, PolicyRun, TrainingRun
from labeling.onboarding.invitations.services import forget_notes_of_closed_accounts
from labeling.onboarding.screening.services import forget_assessments_of_closed_accounts, number_candidates
from labeling.onboarding.stages.services import end_every_practice
from labeling.people.accounts.services import forget_old_failed_logins
from labeling.people.sessions.services import forget_old_sessions
from labeling.policies.services.requesting import QUEUED_POLICY_RUNS
from labeling.policies.services.schedule import request_policies_if_due
from labeling.policies.services.training import train_policy as do_policy_run
from labeling.quality.bias.services.looking import look_at_habits
from labeling.quality.bias.services.near_copies import find_near_copies
from labeling.quality.gold.services import measuring
from labeling.quality.gold.services.planning import plan_checks as plan_due_checks
from labeling.ranking_tasks.queries import sampled_models
from labeling.ranking_tasks.services import sampling, tasks
from labeling.review.services.planning import plan_reviews as choose_reviews
from labeling.review.services.reports import take_up_skipped
from labeling.rewards.queries import somebody_waits
from labeling.rewards.services import doubtful, rewards
from labeling.rewards.services.scoring_requests import (
    SCORING_ATTEMPTS,
    SCORING_REQUESTS,
    answer_scoring_request,
    answering_model,
    fail_scoring_request,
    forget_answered,
)
from labeling.serving.services import following
from labeling.training.services import leavings, stopping
from labeling.training.services.comparisons import COMPARISONS, compare_models
from labeling.training.services.requesting import QUEUED_RUNS
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run, put_back_silent_runs
from labeling.training.services.schedule import Schedule, request_if_due
from labeling.worker_models import current_rewarder, loaded_rewarder, loaded_sampler, usable
from labeling.writing.suggestions.services import (
    SUGGESTION_ATTEMPTS,
    SUGGESTION_REQUESTS,
    answer_request,
    fail_request,
)
from lm.errors import Refused
from sampler.protocol import CannotSample

log = logging.getLogger(__name__)


@worker_shutting_down.connect
def forget_what_is_cut_off(sender: str, how: str, **_: object) -> None:
    """A cold stop ends tasks in the middle; that they were cut off must not count against them."""
    if how == "Cold":
        try:
            forget_attempts_of(sender)
        except DatabaseError as error:
            log.warning("%s could not note that it is stopped by hand: %s", sender, error)


@worker_init.connect
def prepare_to_be_stopped(**_: object) -> None:
    stopping.prepare()


@worker_shutting_down.connect
def stop_training(**_: object) -> None:
    """A training saves where it is, and its run waits for the next worker; all other tasks are short."""
    stopping.ask()


_alive: list[AliveThread] = []  # of this process, which is one worker


@worker_ready.connect
def say_alive(sender: Any, **_: object) -> None:
    queues = ",".join(sorted(sender.app.amqp.queues.consume_from))
    _alive.append(AliveThread(name=sender.hostname, queues=queues))
    _alive[-1].start()


@worker_shutdown.connect
def say_no_more(**_: object) -> None:
    while _alive:
        _alive.pop().stop()


@shared_task
def watch_for_trouble() -> None:
    """Beat: opens, tells and closes alerts."""
    watch()


@shared_task
def count_for_the_console() -> None:
    """Beat: what the front page would be slow to count."""
    count_days()
    count_figures()


@shared_task
def top_up_ready_queues() -> None:
    """Beat: makes tasks ahead of the labelers and sends every unsampled one to the workers."""
    known = paces(work_by_day(8))
    for campaign in Campaign.objects.filter(state=CampaignState.ACTIVE).order_by("-priority", "pk"):
        tasks.top_up(campaign=campaign, paces=known)
    if any(not why_unusable(model) for model in sampled_models()):
        sampling.send_unsampled()


@shared_task
def sample_completions(task_ids: list[int]) -> None:
    """Samples what the tasks still lack, from the models that their campaigns say."""
    current = current_sft_model()
    if current is None:
        sampling.put_back_unsampled(task_ids)
        return
    sources = sampling.Sources(
        current=current, sampler_of=partial(usable, load=loaded_sampler), rewarder=current_rewarder
    )

    def work(ids: list[int]) -> None:
        sampling.sample_tasks(task_ids=ids, sources=sources, resample_limit=settings.SAMPLING_RESAMPLE_LIMIT)

    sampling.SAMPLING_ATTEMPTS.work_at(task_ids, work)


@shared_task
def sample_suggestions(request_id: int) -> None:
    """Samples what a labeler at work waits for, with the model that is current now."""
    model = current_sft_model()
    if model is None:
        SUGGESTION_REQUESTS.put_back([request_id])
        return

    def work(_ids: list[int]) -> None:
        if sampler := usable(model, loaded_sampler):
            try:
                answer_request(request_id=request_id, model=model, sampler=sampler)
            except CannotSample as failure:
                trying.note_unusable(version=model, failure=failure)
        else:
            fail_request(request_id=request_id, note=why_unusable(model))

    SUGGESTION_ATTEMPTS.work_at([request_id], work)


@shared_task
def answer_waiting_labelers() -> None:
    """Beat: sends again what no worker answered, and ends visibly what was waited for too long."""
    SUGGESTION_REQUESTS.give_up_late()
    SUGGESTION_REQUESTS.send()


@shared_task
def score_request(request_id: int) -> None:
    """Rewards that a program waits for, by the version that it named, or the one that is current now."""
    model = answering_model(request_id)
    if model is None:
        SCORING_REQUESTS.put_back([request_id])
        return

    def work(_ids: list[int]) -> None:
        if rewarder := usable(model, loaded_rewarder):
            answer_scoring_request(request_id=request_id, model=model, rewarder=rewarder)
        else:
            fail_scoring_request(request_id=request_id, failure=why_unusable(model))

    SCORING_ATTEMPTS.work_at([request_id], work)


@shared_task
def score_completions() -> None:
    """Beat, on a scoring worker: rewards of ranking tasks' completions, ahead of those who will ask for them."""
    models = [model for model in current_reward_models() if not why_unusable(model)]
    for model in models:
        _score_ahead(model, limit=settings.SCORE_COMPLETIONS_PER_MINUTE // len(models))


def _score_ahead(model: ModelVersion, *, limit: int) -> None:
    try:
        rewards.score_ahead(
            model=model,
            load=partial(loaded_rewarder, model),
            limit=limit,
            somebody_waits=somebody_waits,
        )
    except Refused as unusable:
        trying.note_unusable(version=model, failure=unusable)


@shared_task
def sample_once(check_id: int) -> None:
    """Loads an SFT model and samples from it, so that it may be promoted; tasks that waited for it are sent."""
    trying.answer_check(check_id=check_id, use=lambda version: trying.sample_once(loaded_sampler(version)))
    top_up_ready_queues()


@shared_task
def score_once(check_id: int) -> None:
    """Loads a reward model and scores with it, so that it may be promoted."""
    trying.answer_check(check_id=check_id, use=lambda version: trying.score_once(loaded_rewarder(version)))


@shared_task
def check_models() -> None:
    """Beat: sends models that no worker has tried, tries broken ones again, ends visibly what waited for too long."""
    checks.give_up_late_checks()
    checks.check_broken_again()
    checks.send_checks()


@shared_task
def answer_waiting_programs() -> None:
    """Beat: sends again what no scoring worker answered, ends visibly what waited for too long, forgets old answers."""
    SCORING_REQUESTS.give_up_late()
    forget_answered()
    SCORING_REQUESTS.send()


@shared_task
def deliver_webhooks() -> None:
    """Beat: one attempt at each event that is due."""
    deliver_due()


@shared_task
def forget_what_is_old() -> None:
    """Beat: personal data and records whose time is over."""
    forget_old_attempts()
    forget_old_failed_logins()
    forget_assessments_of_closed_accounts()
    forget_notes_of_closed_accounts()
    forget_old_sessions()
    forget_old_requests()
    forget_old_deliveries()
    forget_old_incidents()
    forget_gone_workers()


@shared_task
def make_snapshot(request_id: int) -> None:
    """A snapshot that somebody asked for."""
    answer_snapshot_request(request_id=request_id)


@shared_task
def make_waiting_snapshots() -> None:
    """Beat: sends again what no worker made."""
    SNAPSHOT_REQUESTS.send()


@shared_task
def take_in_file(import_id: int) -> None:
    """Checks a file of prompts, or takes it in."""
    run_waiting(import_id=import_id)


@shared_task
def go_on_with_imports() -> None:
    """Beat: sends again what no worker reads: its message was lost, or its worker died."""
    IMPORTS.send()


@shared_task
def harvest_kept_conversations() -> None:
    """Beat: what people and programs let us keep becomes prompts, where campaigns take it."""
    harvest_conversations()


@shared_task
def look_at_newcomers() -> None:
    """Beat: numbers whoever came into screening, and gives real work to whoever has practised enough."""
    number_candidates()
    end_every_practice()


@shared_task
def plan_checks() -> None:
    """Beat: measures checks that were handed in, and gives labelers the ones that are due."""
    measuring.measure_handed_in()
    plan_due_checks()


@shared_task
def plan_reviews() -> None:
    """Beat: what reviewers are to look at goes into their queue, what was skipped as broken to the admins."""
    choose_reviews()
    take_up_skipped()


@shared_task
def review_doubtful_labels() -> None:
    """Beat: labels that the current reward models contradict go to the reviewers."""
    doubtful.request_reviews()


@shared_task
def release_reservations() -> None:
    """Beat: rankings that their labeler won't make go to others."""
    tasks.release_reservations()


@shared_task
def release_expired_leases() -> None:
    """Beat: what labelers left goes back to the queue."""
    leases.release_expired_leases()


@shared_task
def look_at_labelers() -> None:
    """Beat: who differs from the others, and which demonstrations are near to what a model wrote."""
    look_at_habits()
    find_near_copies()


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
    run = claim_run(run=TrainingRun.objects.get(pk=run_id), worker=socket.gethostname())
    if run is not None:
        retrain(run)


@shared_task
def train_policy(run_id: int) -> None:
    """Export, train, register; nothing is promoted."""
    run = claim_run(run=PolicyRun.objects.get(pk=run_id), worker=socket.gethostname())
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
def follow_promotions() -> None:
    """Beat: the server of the language models has the one that is current."""
    following.follow_promotions()


@shared_task
def clear_leavings() -> None:
    """Beat: what failed trainings left on the disk."""
    leavings.clear_leavings(TrainingRun)
    leavings.clear_leavings(PolicyRun)
