"""Simulated labelers: they use the services that people use, in campaigns of their own, and their work is marked."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from labeling.base.language import LANGUAGES
from labeling.base.refusals import WorkBusy
from labeling.base.states import CampaignState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.campaigns import (
    change_campaign,
    change_campaign_state,
    publish_instructions,
    publish_rubric,
)
from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.people.models import Labeler
from labeling.people.services import create_labeler
from labeling.ranking_tasks.models.completions import Completion
from labeling.simulation.rules.behaviours import Behaviour, Planted
from labeling.simulation.rules.preferences import Score, mislead
from labeling.simulation.rules.ranking import Page, hand_in
from labeling.simulation.rules.writing import answer_of

# What a campaign for simulated labelers takes over from the one that it is like.
COPIED = ("languages", "priority", "k_min", "k_max", "temperature", "top_p", "max_new_tokens", "ready_minutes",
          "lease_minutes", "retrain_after_rankings", "retrain_after_days")  # fmt: skip


FASTEST_WRITING_SECONDS = 60.0


@dataclass(kw_only=True)
class SimulatedLabeler:
    """Who works, and how. `chance`: the labeler's own draws, so that one more labeler changes nobody else's work."""

    labeler: Labeler
    behaviour: Behaviour = field(default_factory=Behaviour)
    chance: random.Random = field(default_factory=random.Random)


def simulated_labelers(*, count: int) -> list[Labeler]:
    """The labelers simulated-1 … simulated-`count`, made where they are missing; nobody can log in as one."""
    return [_labeler(f"simulated-{number}") for number in range(1, count + 1)]


def cast_of(*, count: int, usual: Behaviour, planted: Sequence[Planted] = (), seed: int = 0) -> list[SimulatedLabeler]:
    """`count` labelers of the usual behaviour and those who are planted, named after their kind."""
    cast = [
        SimulatedLabeler(labeler=labeler, behaviour=usual, chance=random.Random(f"{seed}/{number}"))
        for number, labeler in enumerate(simulated_labelers(count=count), start=1)
    ]
    kinds: Counter[str] = Counter()
    for each in planted:
        kinds[each.kind] += 1
        name = each.kind if kinds[each.kind] == 1 else f"{each.kind}-{kinds[each.kind]}"
        cast.append(
            SimulatedLabeler(
                labeler=_labeler(f"simulated-{name}"),
                behaviour=each.behaviour(usual),
                chance=random.Random(f"{seed}/{name}"),
            )
        )
    return cast


def _labeler(username: str) -> Labeler:
    found = Labeler.objects.filter(user__username=username, simulated=True).first()
    return found or create_labeler(
        username=username, password=None, languages=LANGUAGES, state=LabelerState.ACTIVE, simulated=True
    )


@transaction.atomic
def simulation_of(
    campaign: Campaign, *, rankings: int, rankings_per_task: int = 1, demonstrations: int = 0, planted: bool = False
) -> Campaign:
    """An open campaign for simulated labelers with the same settings and prompts, and work for so many rankings more.

    The campaign itself is left as it is: none of its tasks is ranked, none of its prompts is used up. The second time
    the same simulation goes on. Other simulations pause: simulated labelers take whatever is open to them, and a
    spammer's work would be among what a reward model learns a rule from. `planted`: the one where such labelers work.
    """
    simulation = _like(campaign, name="planted" if planted else "simulated")
    if simulation.rankings_per_task != rankings_per_task:
        simulation = change_campaign(campaign=simulation, rankings_per_task=rankings_per_task)
    if simulation.state == CampaignState.CLOSED:
        change_campaign_state(campaign=simulation, state=CampaignState.PAUSED)
        simulation.refresh_from_db()
    if simulation.state != CampaignState.ACTIVE:
        change_campaign_state(campaign=simulation, state=CampaignState.ACTIVE)
        simulation.refresh_from_db()
    for other in Campaign.objects.filter(simulated=True, state=CampaignState.ACTIVE).exclude(pk=simulation.pk):
        change_campaign_state(campaign=other, state=CampaignState.PAUSED)
    there = set(simulation.prompts.values_list("dedupe_key", flat=True))
    source = campaign.prompts.filter(set_aside_reason="").exclude(dedupe_key__in=there).order_by("pk")
    tasks = -(-rankings // rankings_per_task)
    Prompt.objects.bulk_create(_copy(prompt, simulation) for prompt in source[: max(tasks, demonstrations)])
    prompts = simulation.prompts.count()
    if prompts:
        # One more of each than is needed: some may be set aside, and what is not ranked is not sampled far ahead.
        each = -(-tasks // prompts) + 1
        simulation.prompts.update(
            ranking_tasks_needed=F("ranking_tasks_needed") + each,
            demonstrations_needed=F("demonstrations_needed") + -(-demonstrations // prompts),
        )
    return simulation


def _like(campaign: Campaign, *, name: str) -> Campaign:
    """The campaign's simulation of that name, made where it is missing."""
    settings = {setting: getattr(campaign, setting) for setting in COPIED}
    simulation, is_new = Campaign.objects.get_or_create(
        slug=f"{campaign.slug[:39]}-{name}",
        simulated=True,
        defaults=settings | {"name": f"{campaign.name[:180]} ({name})", "rankings_per_task": 1, "shared_percent": 0},
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


def rank_next(*, who: SimulatedLabeler, score: Score, misled: float = 0.0) -> bool:
    """Claims the next ranking and hands it in; False when nothing is ready, or others have it in hand.

    `misled`: how far all but those who see the truth mistake what is good, alike.
    """
    try:
        assignment = claim_ranking(labeler=who.labeler)
    except WorkBusy:
        return False
    if assignment is None:
        return False
    texts = dict(Completion.objects.filter(pk__in=assignment.shown_order).values_list("pk", "text"))
    shown = [texts[completion_id] for completion_id in assignment.shown_order]
    tiers = {worth: float(tier) for tier, worth in enumerate(sorted({score(text) for text in shown}))}
    worths = [tiers[score(text)] for text in shown]
    page = Page(worths, [len(text) for text in shown], mislead(worths, shown, by=misled) if misled else None)
    said = hand_in(
        page,
        who.behaviour,
        chance=who.chance,
        rankings_before=Ranking.objects.filter(labeler=who.labeler, revision=1).count() if who.behaviour.fatigue else 0,
        earlier=_first_ranks(assignment) if who.behaviour.copying else None,
    )
    judgements = [
        Judgement(shown_position=position, rank=rank, quality=quality)
        for position, (rank, quality) in enumerate(zip(said.ranks, said.qualities, strict=True), start=1)
    ]
    submit_ranking(
        labeler=who.labeler,
        token=str(assignment.token),
        judgements=judgements,
        active_seconds=said.seconds,
        note="simulated",
    )
    return True


def _first_ranks(assignment: Assignment) -> list[int] | None:
    """The ranks that were handed in first for the task, in the order that this assignment shows; None if nobody did."""
    first = Ranking.objects.filter(task=assignment.task_id, revision=1).order_by("pk").first()
    if first is None:
        return None
    ranks = dict(RankedCompletion.objects.filter(ranking=first).values_list("completion_id", "rank"))
    return [ranks[completion_id] for completion_id in assignment.shown_order]


def demonstrate_next(*, who: SimulatedLabeler) -> bool:
    """Claims the next prompt and hands in an answer; False when there is none, or others have it in hand."""
    try:
        assignment = claim_demonstration(labeler=who.labeler)
    except WorkBusy:
        return False
    if assignment is None:
        return False
    known = Completion.objects.filter(task__prompt=assignment.prompt_id).order_by("pk").values_list("text", flat=True)
    prompt = assignment.prompt.last_user_text()
    text = answer_of(prompt, list(known), copying=who.behaviour.copying, chance=who.chance)
    submit_demonstration(
        labeler=who.labeler,
        token=str(assignment.token),
        text=text,
        active_seconds=who.behaviour.pace * FASTEST_WRITING_SECONDS * (1 + who.chance.random()),
    )
    return True
