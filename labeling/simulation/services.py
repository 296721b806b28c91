"""Simulated labelers. They use the services that people use, in campaigns of their own; their rankings are marked."""

import random
from collections.abc import Sequence

from django.db import transaction

from labeling.base.refusals import CampaignRefused
from labeling.base.states import CampaignState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign
from labeling.campaigns.services.prompts import copy_prompts
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.people.models import Labeler
from labeling.people.services import create_labeler
from labeling.ranking_tasks.models import Completion
from labeling.simulation.rules import Score, quality_of, simulated_ranks

LANGUAGES = ("en", "zh")
PREFIX = "simulated-"
MOST_PROMPTS = 1000
COPIED = ("languages", "ranking_tasks_per_prompt", "rankings_per_task", "k_min", "k_max", "temperature", "top_p",
          "max_new_tokens", "ready_depth", "lease_minutes")  # fmt: skip
"""What a campaign of simulated labelers has from the one that it is a copy of."""


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
def open_simulated_campaign(*, slug: str | None) -> Campaign:
    """The copy of a campaign in which simulated labelers work, made where it is missing; every other copy is paused.

    Of `slug`, which may name a copy as well, or of the first campaign that is open to people. People are never offered
    work of a copy, and simulated labelers no other. Raises CampaignRefused.
    """
    given = Campaign.objects.filter(slug=slug, simulated=True).first()
    copy = given or _copy_of(_original(slug))
    for other in Campaign.objects.filter(simulated=True, state=CampaignState.ACTIVE).exclude(pk=copy.pk):
        change_campaign_state(campaign=other, state=CampaignState.PAUSED)
    if copy.state != CampaignState.ACTIVE:
        change_campaign_state(campaign=copy, state=CampaignState.ACTIVE)
        copy.refresh_from_db()
    return copy


def _copy_of(original: Campaign) -> Campaign:
    """The campaign's copy with whatever prompts the original has by now."""
    copy = Campaign.objects.filter(slug=_slug_of_copy(original), simulated=True).first() or _copy(original)
    copy_prompts(of=original, into=copy, most=MOST_PROMPTS)
    return copy


def _original(slug: str | None) -> Campaign:
    of_people = Campaign.objects.filter(simulated=False)
    if slug is None:
        found = of_people.filter(state=CampaignState.ACTIVE).order_by("pk").first()
        if found is None:
            raise CampaignRefused("No campaign is open whose prompts could be ranked. Open one, or name one.")
        return found
    found = of_people.filter(slug=slug).first()
    if found is None:
        known = ", ".join(of_people.order_by("slug").values_list("slug", flat=True))
        raise CampaignRefused(f"There is no campaign “{slug}”; the campaigns are: {known or 'none yet'}.")
    return found


def _slug_of_copy(original: Campaign) -> str:
    return f"{PREFIX}{original.slug}"[:50]


def _copy(original: Campaign) -> Campaign:
    instructions = original.instruction_versions.order_by("-version").first()
    rubric = original.rubric_versions.order_by("-version").first()
    if instructions is None or rubric is None:
        raise CampaignRefused(f"“{original}” has no instructions or rubric yet.")
    return create_campaign(
        slug=_slug_of_copy(original),
        name=f"{original.name} (simulated)"[:200],
        instructions=instructions.body,
        flags=rubric.flags,
        reward_models=list(original.reward_models.all()),
        simulated=True,
        demonstrations_per_prompt=0,
        **{name: getattr(original, name) for name in COPIED},
    )


def rank_next(*, labeler: Labeler, score: Score, noise: float, chance: random.Random) -> bool:
    """Claims the next ranking and hands it in by its rule; False when nothing is ready."""
    assignment = claim_ranking(labeler=labeler)
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
