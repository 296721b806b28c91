"""Simulated labelers: they use the services that people use, in campaigns of their own, and their work is marked."""

import random
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from labeling.base.language import LANGUAGES
from labeling.base.refusals import WorkBusy
from labeling.base.states import CampaignState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.campaigns import change_campaign_state, publish_instructions, publish_rubric
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.people.models import Labeler
from labeling.people.services import create_labeler
from labeling.ranking_tasks.models import Completion
from labeling.simulation.rules import Score, quality_of, simulated_ranks

# What a campaign for simulated labelers takes over from the one that it is like.
COPIED = ("languages", "priority", "k_min", "k_max", "temperature", "top_p", "max_new_tokens", "ready_depth",
          "lease_minutes", "retrain_after_rankings", "retrain_after_days")  # fmt: skip


def simulated_labelers(*, count: int) -> list[Labeler]:
    """The labelers simulated-1 … simulated-`count`, made where they are missing; nobody can log in as one."""
    labelers = []
    for number in range(1, count + 1):
        username = f"simulated-{number}"
        labeler = Labeler.objects.filter(user__username=username, simulated=True).first()
        labelers.append(
            labeler
            or create_labeler(
                username=username, password=None, languages=LANGUAGES, state=LabelerState.ACTIVE, simulated=True
            )
        )
    return labelers


@transaction.atomic
def simulation_of(campaign: Campaign, *, rankings: int) -> Campaign:
    """An open campaign for simulated labelers with the same settings and prompts, and work for so many rankings more.

    The campaign itself is left as it is: none of its tasks is ranked, none of its prompts is used up. The second time
    the same simulation goes on.
    """
    simulation = _like(campaign)
    if simulation.state == CampaignState.CLOSED:
        change_campaign_state(campaign=simulation, state=CampaignState.PAUSED)
        simulation.refresh_from_db()
    if simulation.state != CampaignState.ACTIVE:
        change_campaign_state(campaign=simulation, state=CampaignState.ACTIVE)
        simulation.refresh_from_db()
    there = set(simulation.prompts.values_list("dedupe_key", flat=True))
    source = campaign.prompts.filter(set_aside_reason="").exclude(dedupe_key__in=there).order_by("pk")
    Prompt.objects.bulk_create(_copy(prompt, simulation) for prompt in source[:rankings])
    prompts = simulation.prompts.count()
    if prompts:
        # One more of each than is needed: some may be set aside, and what is not ranked is not sampled far ahead.
        each = -(-rankings // prompts) + 1
        simulation.prompts.update(ranking_tasks_needed=F("ranking_tasks_needed") + each)
    return simulation


def _like(campaign: Campaign) -> Campaign:
    """The campaign's simulation, made where it is missing."""
    settings = {name: getattr(campaign, name) for name in COPIED}
    name = f"{campaign.name[:180]} (simulated)"
    simulation, is_new = Campaign.objects.get_or_create(
        slug=f"{campaign.slug[:39]}-simulated",
        simulated=True,
        defaults=settings | {"name": name, "rankings_per_task": 1, "shared_percent": 0},
    )
    if is_new:
        simulation.reward_models.set(campaign.reward_models.all())
        publish_instructions(campaign=simulation, body=campaign.instruction_versions.latest("version").body)
        publish_rubric(campaign=simulation, flags=campaign.rubric_versions.latest("version").flags)
    return simulation


def _copy(prompt: Prompt, simulation: Campaign) -> Prompt:
    """Of the same opening, and so in the same split. It does not count as one more of its submitter's."""
    return Prompt(
        campaign=simulation,
        submitter_id=prompt.submitter_id,
        opening_id=prompt.opening_id,
        messages=prompt.messages,
        dedupe_key=prompt.dedupe_key,
        source=prompt.source,
        use_case=prompt.use_case,
        language=prompt.language,
        content_warnings=prompt.content_warnings,
    )


def rank_next(*, labeler: Labeler, score: Score, noise: float, chance: random.Random) -> bool:
    """Claims the next ranking and hands it in by its rule; False when nothing is ready, or others have it in hand."""
    try:
        assignment = claim_ranking(labeler=labeler)
    except WorkBusy:
        return False
    if assignment is None:
        return False
    texts = dict(Completion.objects.filter(pk__in=assignment.shown_order).values_list("pk", "text"))
    shown = [texts[completion_id] for completion_id in assignment.shown_order]
    ranks = simulated_ranks(shown, score=score, noise=noise, chance=chance)
    submit_ranking(
        labeler=labeler,
        token=str(assignment.token),
        judgements=_judgements(ranks),
        active_seconds=0.0,
        note="simulated",
    )
    return True


def _judgements(ranks: Sequence[int]) -> list[Judgement]:
    return [
        Judgement(shown_position=position, rank=rank, quality=quality_of(rank, worst=max(ranks)))
        for position, rank in enumerate(ranks, start=1)
    ]
