"""How many ranking tasks lie ahead of whom, and of which prompts more can be made for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labeling.base.states import AssignmentKind, CampaignState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import WANTS_RANKING_TASK, Prompt
from labeling.campaigns.models.queues import WorkQueue
from labeling.campaigns.queries import counted_in
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_sft_model
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE, RankingTask


def sampled_models() -> list[ModelVersion]:
    """From which completions are sampled now: the current SFT model, and those that open campaigns name."""
    named = {
        part["model"]
        for mixture in Campaign.objects.filter(state=CampaignState.ACTIVE).values_list("mixture", flat=True)
        for part in mixture
        if part["model"] is not None
    }
    current = current_sft_model()
    others = ModelVersion.objects.filter(pk__in=named)
    if current is not None:
        others = others.exclude(pk=current.pk)
    return [*([current] if current else []), *others.order_by("pk")]


@dataclass(frozen=True, kw_only=True)
class Claimant:
    """Somebody for whom tasks are kept ready. `labeler` None: whoever comes next and has met nothing yet."""

    languages: Sequence[str]
    opt_outs: list[str] = field(default_factory=list)
    skills: Sequence[str] | None = None
    """None: whatever work asks for."""
    labeler: Labeler | None = None


def claimants_of(campaign: Campaign) -> Iterator[Claimant]:
    """A newcomer for each language in which tasks can still be made, then every labeler of the campaign's stage who
    knows one of them and has the skills that the campaign asks for.

    Simulated labelers count for campaigns of their own alone.
    """
    languages = list(_languages_to_come(campaign))
    if not languages:
        return
    for language in languages:
        yield Claimant(languages=[language])
    active = Labeler.objects.filter(
        state=campaign.labeler_state, simulated=campaign.simulated, skills__contains=campaign.required_skills
    )
    for labeler in active.filter(languages__overlap=languages).order_by("pk"):
        yield Claimant(languages=labeler.languages, opt_outs=labeler.opt_outs, skills=labeler.skills, labeler=labeler)


def _languages_to_come(campaign: Campaign) -> Iterator[str]:
    """The languages of prompts that want tasks, found one by one in the index: a DISTINCT would read every prompt."""
    wanting = Prompt.objects.filter(WANTS_RANKING_TASK, campaign=campaign).order_by("language")
    language = ""
    while language := wanting.filter(language__gt=language).values_list("language", flat=True).first() or "":
        yield language


def tasks_ahead(campaign: Campaign, claimant: Claimant, *, at_most: int) -> int:
    """How many of the campaign's tasks are sampled for the claimant or could be claimed by them, up to `at_most`."""
    queues = WorkQueue.objects.filter(
        campaign=campaign, kind=AssignmentKind.RANKING, language__in=claimant.languages
    ).exclude(content_warnings__overlap=claimant.opt_outs)
    if claimant.skills is not None:
        queues = queues.filter(skills__contained_by=claimant.skills)
    if claimant.labeler is None:
        claimable = RankingTask.objects.filter(HAS_A_FREE_PLACE, reserved_for=None)
    else:
        claimable = RankingTask.objects.claimable_by(claimant.labeler).filter(reserved_for=None)
    counted = counted_in(queues, claimable, at_most=at_most, passed_by=claimant.labeler)
    sampling = RankingTask.objects.filter(
        state=TaskState.SAMPLING, campaign=campaign, language__in=claimant.languages, reserved_for=None
    )
    if claimant.opt_outs:
        sampling = sampling.exclude(prompt__content_warnings__overlap=claimant.opt_outs)
    if claimant.skills is not None:
        sampling = sampling.filter(prompt__required_skills__contained_by=claimant.skills)
    waiting: int = sum(counted.values_list("waiting", flat=True))
    return min(at_most, waiting + sampling.order_by()[:at_most].count())


def prompts_for_tasks(campaign: Campaign, claimant: Claimant, *, at_most: int) -> list[Prompt]:
    """Prompts of which a task can be made for the claimant, those with the fewest first."""
    found: list[Prompt] = []
    for language in claimant.languages:  # each is a walk through one part of the index
        wanting = Prompt.objects.filter(WANTS_RANKING_TASK, campaign=campaign, language=language)
        allowed = wanting.exclude(content_warnings__overlap=claimant.opt_outs) if claimant.opt_outs else wanting
        if claimant.skills is not None:
            allowed = allowed.filter(required_skills__contained_by=claimant.skills)
        found += allowed.order_by("ranking_tasks_made", "id")[:at_most]
    return sorted(found, key=lambda prompt: (prompt.ranking_tasks_made, prompt.pk))[:at_most]
