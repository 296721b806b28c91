"""What programs are told: how far a campaign is, and what an event was about."""

from typing import TypedDict

from django.db.models import Count, F, Q, Sum

from labeling.alerts.models import Incident
from labeling.base.states import CampaignStage, TaskState, WebhookEvent
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.evaluations.models import Evaluation
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.policies.models import PolicyRun
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask
from labeling.training.models import Run, TrainingRun
from lm.snapshot.manifest import utc_text


class Progress(TypedDict):
    """Of a campaign. Rankings and demonstrations are first submissions of people, not of simulated labelers."""

    prompts: int
    prompts_set_aside: int
    demonstrations: int
    demonstrations_wanted: int
    tasks_sampling: int
    tasks_ready: int
    tasks_done: int
    tasks_set_aside: int
    rankings: int
    rankings_wanted: int


def progress_of(campaign: Campaign) -> Progress:
    in_use = Q(set_aside_reason="")
    prompts = Prompt.objects.filter(campaign=campaign).aggregate(
        total=Count("pk"),
        set_aside=Count("pk", filter=~in_use),
        wanted=Sum(F("demonstrations_needed") - F("demonstrations_done"), filter=in_use, default=0),
    )
    open_tasks = Q(state__in=[TaskState.SAMPLING, TaskState.READY])
    tasks = RankingTask.objects.filter(NOT_A_COPY, campaign=campaign).aggregate(
        **{state.value: Count("pk", filter=Q(state=state)) for state in TaskState},
        wanted=Sum(F("rankings_needed") - F("rankings_done"), filter=open_tasks, default=0),
    )
    ends = campaign.stage == CampaignStage.WORK  # in screening and practice everybody who comes makes them
    by_people = {"simulated": False}
    demonstrations = Demonstration.objects.first_submissions().filter(
        prompt__campaign=campaign, labeler__isnull=False, **by_people
    )
    rankings = Ranking.objects.first_submissions().filter(task__campaign=campaign, task__copy_of=None, **by_people)
    return Progress(
        prompts=prompts["total"],
        prompts_set_aside=prompts["set_aside"],
        demonstrations=demonstrations.count(),
        demonstrations_wanted=prompts["wanted"] if ends else 0,
        tasks_sampling=tasks["sampling"],
        tasks_ready=tasks["ready"],
        tasks_done=tasks["done"],
        tasks_set_aside=tasks["set_aside"],
        rankings=rankings.count(),
        rankings_wanted=tasks["wanted"] if ends else 0,
    )


def event_data(event: WebhookEvent, subject: int) -> dict[str, object]:
    """What a webhook is told: ids and what is known by then, never a text or a name of a person."""
    if event == WebhookEvent.RANKING_SUBMITTED:
        ranking = Ranking.objects.select_related("task__campaign", "labeler").get(pk=subject)
        return {
            "id": ranking.pk,
            "campaign": ranking.task.campaign.slug,
            "task": ranking.task_id,
            "prompt": ranking.task.prompt_id,
            "labeler": ranking.labeler.pseudonym,
            "revision": ranking.revision,
            "simulated": ranking.simulated,
        }
    if event == WebhookEvent.SNAPSHOT_CREATED:
        snapshot = Snapshot.objects.get(pk=subject)
        return {"id": snapshot.pk, "as_of": utc_text(snapshot.as_of), "counts": snapshot.counts}
    if event == WebhookEvent.RUN_ENDED:
        return _of_run(TrainingRun.objects.get(pk=subject))
    if event == WebhookEvent.POLICY_RUN_ENDED:
        policy_run = PolicyRun.objects.get(pk=subject)
        return {"stage": policy_run.stage, **_of_run(policy_run)}
    if event == WebhookEvent.EVALUATION_ENDED:
        evaluation = Evaluation.objects.get(pk=subject)
        return {
            "id": evaluation.pk,
            "state": evaluation.state,
            "verdict": evaluation.verdict,
            "candidate": evaluation.candidate_id,
            "baseline": evaluation.baseline_id,
            "decision": evaluation.decision,
        }
    if event in (WebhookEvent.ALERT_OPENED, WebhookEvent.ALERT_CLOSED):
        incident = Incident.objects.get(pk=subject)
        return {
            "id": incident.pk,
            "kind": incident.kind,
            "subject": incident.subject,
            "opened_at": utc_text(incident.opened_at),
            "closed_at": utc_text(incident.closed_at) if incident.closed_at else None,
        }
    version = ModelVersion.objects.get(pk=subject)
    return {"id": version.pk, "name": version.name, "kind": version.kind, "reason": version.state_reason}


def _of_run(run: Run) -> dict[str, object]:
    return {
        "id": run.pk,
        "state": run.state,
        "failure": run.failure,
        "model_version": run.model_version_id,
        "decision": run.decision,
    }
