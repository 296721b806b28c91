"""Evaluations are made into a campaign, kept supplied with tasks, decided, stopped."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import EvaluationRefused
from labeling.base.states import (
    CampaignState,
    CampaignUse,
    EvaluationState,
    ModelState,
    PayPeriodState,
    TaskState,
    Verdict,
)
from labeling.campaigns.mixture.rules import MixturePart
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign
from labeling.desk.services.leases import close_campaign
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.judged import DEMONSTRATIONS, judged_prompts, scores_of
from labeling.evaluations.queries.prompts import next_prompts, progress_of
from labeling.evaluations.rules import gate
from labeling.evaluations.services.promoting import lock, promote_or_say_why_not
from labeling.pay.models import PAID_KINDS, PayPeriod
from labeling.pay.queries.terms import terms_now
from labeling.pay.services import set_pay_terms
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.services.tasks import make_task

RATES = ("per_hour", *(f"per_{kind}" for kind in PAID_KINDS))
AHEAD = 64
"""So many prompts wait to be sampled or ranked: more would be in vain where a few decide it."""
HELD_WORK_FOR = timedelta(hours=24)
"""What labelers hold when it is decided may be handed in for so long, and still counts in the figures."""


@transaction.atomic
def start_evaluation(*, evaluation: Evaluation, instructions: dict[str, str] | None = None) -> Evaluation:
    """Opens the campaign in which labelers rank the answers, and asks the first prompts.

    `instructions`: Markdown by language; None: those of the campaign whose prompts are asked. Labelers see neither the
    models' names nor that it is about models. Raises EvaluationRefused: it was started already, or the candidate was
    retired.
    """
    evaluation = lock(evaluation)
    if evaluation.state != EvaluationState.PLANNED:
        raise EvaluationRefused(f"“{evaluation}” is {evaluation.state}; only a planned one can be started.")
    if evaluation.candidate.state == ModelState.RETIRED:
        raise EvaluationRefused(f"“{evaluation.candidate}” was retired. Plan an evaluation of another candidate.")
    campaign = _campaign_of(evaluation, instructions)
    _pay_as(evaluation.source, campaign)
    evaluation.move(to=EvaluationState.RUNNING, campaign=campaign, started_at=timezone.now())
    ask_further_prompts(evaluation)
    return evaluation


def _campaign_of(evaluation: Evaluation, instructions: dict[str, str] | None) -> Campaign:
    source = evaluation.source
    campaign = create_campaign(
        slug=f"comparison-{evaluation.pk}",
        name=f"Comparison {evaluation.pk}",
        description=source.description,
        languages=source.languages,
        instructions=instructions or source.instruction_versions.latest("version").body,
        flags=source.rubric_versions.latest("version").flags,
        reward_models=(),
        managers=source.managers.all(),
        priority=source.priority,
        required_skills=source.required_skills,
        rankings_per_task=evaluation.rankings_per_prompt,
        # Nothing else is mixed in: no checks, no reviews that would change a judgement, no writing.
        shared_percent=0,
        gold_percent=0,
        repeat_percent=0,
        review_percent=0,
        review_first=0,
        review_below_percent=0,
        temperature=source.temperature,
        top_p=source.top_p,
        max_new_tokens=source.max_new_tokens,
        mixture=[
            MixturePart(share=1, model=version.pk, temperature=None, top_p=None) for version in evaluation.versions()
        ],
        include_demonstration=evaluation.demonstrations,
        one_each=True,
        held_out_only=evaluation.held_out_only,
        lease_minutes=source.lease_minutes,
        use=CampaignUse.EVALUATE_ONLY,
        simulated=source.simulated,
    )
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    campaign.refresh_from_db()
    return campaign


def _pay_as(source: Campaign, campaign: Campaign) -> None:
    """It pays what the other campaign pays, from the first day whose pay is not settled."""
    today = timezone.now().date()
    terms = terms_now(source.pk, today=today)
    if terms is None:
        return
    settled = PayPeriod.objects.exclude(state=PayPeriodState.OPEN).filter(last_day__gte=today)
    last = settled.order_by("-last_day").values_list("last_day", flat=True).first()
    set_pay_terms(
        campaign=campaign,
        by=None,
        begins_on=last + timedelta(days=1) if last else today,
        **{name: getattr(terms, name) for name in ("currency", "bonus_percent", "bonus_from", *RATES)},
    )


def ask_further_prompts(evaluation: Evaluation) -> list[int]:
    """Makes tasks of further prompts while fewer than AHEAD wait, up to the planned size; returns their ids."""
    assert evaluation.campaign is not None  # it is running
    if evaluation.campaign.state != CampaignState.ACTIVE:
        return []
    progress = progress_of(evaluation)
    wanted = min(AHEAD - progress.waiting, evaluation.size - progress.asked)
    prompts = next_prompts(evaluation, at_most=wanted) if wanted > 0 else []
    # Each prompt once: a task that was set aside by hand is not made again.
    return [
        make_task(prompt=prompt, campaign=evaluation.campaign, rankings_needed=evaluation.rankings_per_prompt).pk
        for prompt in prompts
    ]


@transaction.atomic
def decide(evaluation: Evaluation) -> gate.Decision | None:
    """Looks at what was judged. As soon as that decides it, or all is judged, nothing is handed out any more and the
    candidate is promoted where that is asked for. Looking often costs nothing (rules/sequential.py). None: not running.
    """
    evaluation = lock(evaluation)
    if evaluation.state != EvaluationState.RUNNING:
        return None
    judged = judged_prompts(evaluation)
    scores = scores_of(judged, evaluation.candidate_id, evaluation.baseline_id or DEMONSTRATIONS)
    progress = progress_of(evaluation)
    complete = not progress.waiting and (progress.asked >= evaluation.size or not next_prompts(evaluation, at_most=1))
    decision = gate.decide(scores, evaluation.rule, complete=complete)
    if not decision["verdict"]:
        Evaluation.objects.filter(pk=evaluation.pk).update(decision=decision)
        return decision
    evaluation.move(to=EvaluationState.DONE, verdict=decision["verdict"], decision=decision, ended_at=timezone.now())
    _hand_out_no_more(evaluation)
    if evaluation.promote_automatically and decision["verdict"] == Verdict.PASSED:
        promote_or_say_why_not(evaluation)
    return decision


def _hand_out_no_more(evaluation: Evaluation) -> None:
    assert evaluation.campaign is not None
    RankingTask.objects.filter(campaign=evaluation.campaign, state=TaskState.SAMPLING).move(
        to=TaskState.SET_ASIDE, set_aside_reason=f"Evaluation {evaluation.pk} has ended."
    )
    if evaluation.campaign.state != CampaignState.CLOSED:
        close_campaign(campaign=evaluation.campaign, held_work_for=HELD_WORK_FOR)


@transaction.atomic
def stop_evaluation(*, evaluation: Evaluation, reason: str) -> None:
    """Ends it without a verdict; what was judged stays. Raises EvaluationRefused: no reason; IllegalMove."""
    if not reason.strip():
        raise EvaluationRefused("Say why, for whoever looks at it later.")
    evaluation = lock(evaluation)
    evaluation.move(to=EvaluationState.STOPPED, note=reason.strip(), ended_at=timezone.now())
    if evaluation.campaign is not None:
        _hand_out_no_more(evaluation)


def go_on_with_evaluations() -> None:
    """Each that is running: further prompts are asked, and what was judged is looked at."""
    for evaluation in Evaluation.objects.filter(state=EvaluationState.RUNNING).order_by("pk"):
        decision = decide(evaluation)
        if decision is None or not decision["verdict"]:
            with transaction.atomic():
                ask_further_prompts(lock(evaluation))
