"""Ranking tasks: made ahead of the labelers, filled with completions, set aside with a reason.

HTML made ahead of its readers.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from labeling.base.markdown import RENDERER, TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.base.refusals import AlreadyWanted, CampaignNotOpen, WorkSetAside
from labeling.base.states import AssignmentState, CampaignState, LabelerState, SamplingState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.completions import DRAWN, Completion, RenderedCompletion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask
from labeling.ranking_tasks.planning.rules import UNKNOWN, Pace, tasks_ahead_wanted
from labeling.ranking_tasks.queries import claimants_of, prompts_for_tasks, tasks_ahead
from labeling.ranking_tasks.rules import GivenCompletion, checked_completions, text_key
from labeling.ranking_tasks.services.sharing import Wanted, rankings_of

COPIED = ("run_id", "text", "text_key", *DRAWN)
"""Of a completion: what its copy has as well. By `text_key` one finds the other."""
RESERVED_FOR = timedelta(days=3)
"""What a labeler's own chat left to be ranked waits so long for them, over a weekend; then anybody may rank it."""


@dataclass(frozen=True, kw_only=True)
class Paces:
    """How fast work is used up now: by campaign and language, and who is at work in which campaigns."""

    by_queue: Mapping[tuple[int, str], Pace] = field(default_factory=dict)
    at_work: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """By labeler."""

    def of(self, campaign: Campaign, languages: Sequence[str]) -> Pace:
        """Of all these languages together."""
        known = [pace for language in languages if (pace := self.by_queue.get((campaign.pk, language)))]
        if not known:
            return UNKNOWN
        per_minute = sum(pace.per_minute for pace in known)
        at_work = sum(pace.at_work for pace in known)
        return Pace(
            seconds=60 * at_work / per_minute if per_minute else known[0].seconds,
            at_work=at_work,
            regulars=sum(pace.regulars for pace in known),
            lead_minutes=max(pace.lead_minutes for pace in known),
        )


NOBODY = Paces()


@transaction.atomic
def top_up(*, campaign: Campaign, paces: Paces = NOBODY) -> list[int]:
    """Makes tasks until so many minutes of work as the campaign says lie ahead of everybody at work, and a few of
    everybody else (planning/rules.py); returns the ids of the new ones.

    A task counts for those who may be given it: not for labelers who met it, don't know its language or opted out of
    what it holds. Prompts with the fewest tasks come first. Two beats at once make no more than one: the campaign's
    row is locked. Simulated labelers are always at work.
    """
    campaign = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    if campaign.state != CampaignState.ACTIVE:
        return []
    made: list[int] = []
    for claimant in claimants_of(campaign):
        wanted = tasks_ahead_wanted(
            paces.of(campaign, claimant.languages),
            minutes=campaign.ready_minutes,
            rankings_per_task=campaign.rankings_per_task,
            at_work=campaign.simulated
            or (claimant.labeler is not None and campaign.pk in paces.at_work.get(claimant.labeler.pk, ())),
        )
        missing = wanted - tasks_ahead(campaign, claimant, at_most=wanted)
        if missing > 0:
            prompts = prompts_for_tasks(campaign, claimant, at_most=missing)
            made += [make_task(prompt=prompt, campaign=campaign).pk for prompt in prompts]
    return made


def make_task(
    *, prompt: Prompt, campaign: Campaign, rankings_needed: int | None = None, reserved_for: Labeler | None = None
) -> RankingTask:
    """One task of the prompt, to be sampled, with K drawn evenly from the campaign's range, or one completion of each
    model that the campaign compares.

    It needs as many rankings as the campaign says, or as a shared task needs, unless told otherwise.
    """
    wanted = rankings_of(prompt=prompt, campaign=campaign) if rankings_needed is None else Wanted(rankings_needed)
    if not campaign.one_each:  # comparing models uses up none of the tasks that the prompt's own campaign wants of it
        Prompt.objects.filter(pk=prompt.pk).update(ranking_tasks_made=F("ranking_tasks_made") + 1)
    return RankingTask.objects.create(
        prompt=prompt,
        campaign=campaign,
        language=prompt.language,
        k_requested=campaign.completions_of_a_task or random.randint(campaign.k_min, campaign.k_max),
        one_each=campaign.one_each,
        rankings_needed=wanted.rankings,
        shared=wanted.shared,
        reserved_for=reserved_for,
    )


@transaction.atomic
def make_task_of_given(*, prompt: Prompt, completions: Sequence[GivenCompletion]) -> RankingTask:
    """A ready task of completions that were not sampled here. Identical texts count once, the first stays.

    Raises InvalidCompletions unless 4 to 9 were given and at least 2 are distinct and not empty.
    """
    return make_tasks_of_given([(prompt, completions)])[0]


@transaction.atomic
def make_tasks_of_given(given: Sequence[tuple[Prompt, Sequence[GivenCompletion]]]) -> list[RankingTask]:
    """The same for each of the prompts, by a number of statements that does not grow with them. Raises
    InvalidCompletions where one of them has such, before anything is written.
    """
    distinct = [checked_completions(completions) for _prompt, completions in given]
    if not given:
        return []
    tasks = RankingTask.objects.bulk_create(_task_of(prompt, k=len(completions)) for prompt, completions in given)
    runs = [
        SamplingRun(
            task=task,
            imported_model_name=model,
            requested=sum(each.model == model for each in texts),
            state=SamplingState.DONE,
            finished_at=timezone.now(),
        )
        for task, texts in zip(tasks, distinct, strict=True)
        for model in dict.fromkeys(each.model for each in texts)
    ]
    by_model = {(run.task_id, run.imported_model_name): run for run in SamplingRun.objects.bulk_create(runs)}
    Completion.objects.bulk_create(
        Completion(
            task=task,
            run=by_model[task.pk, each.model],
            text=each.text,
            text_key=text_key(each.text),
            finish_reason="imported",
        )
        for task, texts in zip(tasks, distinct, strict=True)
        for each in sorted(texts, key=lambda each: _first_place(texts, each.model))
    )
    _mark_all_ready(dict(zip((task.pk for task in tasks), map(len, distinct), strict=True)))
    made = RankingTask.objects.in_bulk([task.pk for task in tasks])
    return [made[task.pk] for task in tasks]


def _task_of(prompt: Prompt, *, k: int) -> RankingTask:
    """Not saved yet; of completions that are there."""
    wanted = rankings_of(prompt=prompt, campaign=prompt.campaign)
    return RankingTask(
        prompt=prompt,
        campaign_id=prompt.campaign_id,
        language=prompt.language,
        k_requested=k,
        given=True,
        rankings_needed=wanted.rankings,
        shared=wanted.shared,
    )


def _first_place(texts: Sequence[GivenCompletion], model: str) -> int:
    """Completions of one model lie together, in the order of the models."""
    return next(place for place, each in enumerate(texts) if each.model == model)


def _mark_all_ready(ks: Mapping[int, int]) -> None:
    """`ks`: by task, how many completions it has."""
    for k in sorted(set(ks.values())):
        ready = RankingTask.objects.filter(pk__in=[pk for pk, of_task in ks.items() if of_task == k])
        ready.move(to=TaskState.READY, k=k, ready_at=timezone.now(), set_aside_reason="")
    render_ahead(task_ids=list(ks))


@transaction.atomic
def copy_task(*, task: RankingTask, labeler: Labeler) -> RankingTask:
    """A ready task that shows the same prompt and completions again, to that labeler alone, as the next they are given.

    The desk treats it as it treats any other. It counts as no work of its own: it is never exported, and in no number
    of prompts or tasks. Raises WorkSetAside: the task has no completions yet, or it or its prompt is set aside.
    """
    task = RankingTask.objects.select_for_update(of=("self",), no_key=True).select_related("prompt").get(pk=task.pk)
    if task.state not in (TaskState.READY, TaskState.DONE) or task.prompt.set_aside_reason:
        raise WorkSetAside(f"Ranking task {task.pk} can't be shown again: it, or its prompt, is not in use.")
    original = task.copy_of_id or task.pk
    copy = RankingTask.objects.create(
        prompt=task.prompt,
        campaign_id=task.campaign_id,
        language=task.language,
        k_requested=task.k_requested,
        given=task.given,
        reserved_for=labeler,
        copy_of_id=original,
    )
    Completion.objects.bulk_create(
        Completion(**{name: getattr(shown, name) for name in COPIED}, task=copy)
        for shown in Completion.objects.filter(task=original).order_by("pk")
    )
    mark_ready(copy)
    return copy


@transaction.atomic
def ask_for_another_ranking(*, task: RankingTask) -> RankingTask:
    """One ranking more than the task has, by somebody who has not met it.

    Raises AlreadyWanted while it waits for one as it is, WorkSetAside, CampaignNotOpen.
    """
    task = (
        RankingTask.objects.select_for_update(of=("self",), no_key=True)
        .select_related("prompt", "campaign")
        .get(pk=task.pk)
    )
    if task.copy_of_id is not None:
        raise WorkSetAside(
            f"Ranking task {task.pk} checks one labeler. Ask for another ranking of task {task.copy_of_id} instead."
        )
    if RankingTask.objects.filter(pk=task.pk, gold_item__isnull=False).exists():
        raise WorkSetAside(f"Ranking task {task.pk} is gold: labelers meet it as a check, and not else.")
    if task.state == TaskState.SET_ASIDE or task.prompt.set_aside_reason:
        raise WorkSetAside(f"Ranking task {task.pk} or its prompt is set aside. Put it back into the queue first.")
    if task.campaign.state not in (CampaignState.ACTIVE, CampaignState.PAUSED):
        raise CampaignNotOpen(f"The campaign “{task.campaign}” is {task.campaign.state}. Open it first.")
    if task.rankings_done < task.rankings_needed:
        raise AlreadyWanted(f"Ranking task {task.pk} waits for a ranking already; look at it when that has come.")
    return task.move(
        to=TaskState.READY, rankings_needed=task.rankings_needed + 1, reserved_for=None, ready_at=timezone.now()
    )


@transaction.atomic
def release_reservations(*, now: datetime | None = None) -> int:
    """Opens to everybody what its labeler skipped, left for days or may not rank any more. Returns how many."""
    skipped = RankingTask.objects.filter(
        pk=OuterRef("pk"), assignments__labeler=F("reserved_for"), assignments__state=AssignmentState.SKIPPED
    )
    return RankingTask.objects.filter(
        Q(ready_at__lt=(now or timezone.now()) - RESERVED_FOR)
        | ~Q(reserved_for__state=LabelerState.ACTIVE)
        | Exists(skipped),
        NOT_A_COPY,
        state=TaskState.READY,
        reserved_for__isnull=False,
    ).update(reserved_for=None)


def mark_ready(task: RankingTask) -> None:
    """The task can be claimed; K is what it has. A CHECK constraint refuses fewer than 4 or more than 9."""
    task.move(to=TaskState.READY, k=task.completions.count(), ready_at=timezone.now(), set_aside_reason="")
    render_ahead(task_ids=[task.pk])


def set_aside(task: RankingTask, *, reason: str) -> None:
    """The task is taken out of the queue; the reason is for admins."""
    task.move(to=TaskState.SET_ASIDE, set_aside_reason=reason)


def render_ahead(*, task_ids: Sequence[int]) -> None:
    """Makes the HTML of the tasks' completions, which the page of a ranking then only reads."""
    texts = Completion.objects.filter(task_id__in=task_ids).values_list("pk", "text")
    RenderedCompletion.objects.bulk_create(
        (
            RenderedCompletion(
                completion_id=pk,
                renderer=RENDERER,
                html=render_markdown(text, headings_from=TEXT_HEADINGS_FROM),
                raw=raw_text(text),
            )
            for pk, text in texts
        ),
        update_conflicts=True,  # a task that was set aside becomes ready a second time
        unique_fields=["completion"],
        update_fields=["renderer", "html", "raw"],
        batch_size=1000,
    )
