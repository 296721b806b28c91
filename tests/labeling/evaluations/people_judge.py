"""Evaluations as beat, a sampling worker and labelers leave them, for the tests of this folder and the admin's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from labeling.base.states import LabelerGroup
from labeling.desk.ranking.services import submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Completion, Evaluation, Labeler, Ranking, RankingTask
from labeling.ranking_tasks.services.sampling import Sources, sample_tasks
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.cast import have_read, make_campaign, make_labeler, make_prompt
from tests.labeling.handed_in import in_split, judgements
from tests.labeling.scripted_sampler import ScriptedSampler

Taste = Callable[[str], float]
"""How good somebody finds an answer."""


class Speaker(ScriptedSampler):
    """Begins each answer with the same word, and says something new."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def _next(self, request: SampleRequest) -> SampledCompletion:
        self.texts.append(f"{self.word} {next(self.numbers)}.")
        return super()._next(request)


def judge(name: str = "hanna", **fields: Any) -> Labeler:
    """A labeler who is held out."""
    return make_labeler(name, **{"group": LabelerGroup.HELD_OUT} | fields)


def asked_of(prompts: int, *, split: str = "test", **fields: Any) -> Campaign:
    """A campaign with so many prompts of a split, in turn in English and Chinese."""
    campaign = make_campaign(name="Everyday requests", **fields)
    submitter = in_split(split)[0]
    for number in range(prompts):
        make_prompt(campaign, submitter=submitter, language="zh" if number % 2 else "en")
    return campaign


def sampled(evaluation: Evaluation, **speakers: ScriptedSampler) -> list[RankingTask]:
    """A sampling worker fills all tasks that wait. `speakers` by the names of their versions."""
    tasks = RankingTask.objects.filter(campaign=evaluation.campaign, state="sampling").order_by("pk")
    sources = Sources(current=evaluation.candidate, sampler_of=lambda version: speakers.get(version.name))
    sample_tasks(task_ids=[task.pk for task in tasks], sources=sources, resample_limit=1)
    return list(RankingTask.objects.filter(campaign=evaluation.campaign).order_by("pk"))


def ranked_by(
    labeler: Labeler, evaluation: Evaluation, taste: Taste, *, at_most: int = 1000, rated: bool = False
) -> list[Ranking]:
    """The labeler ranks what they are offered, better answers first; what they find equally good is a tie. `rated`: how
    good they find it is their rating, from 1 to 7, and below 4 it fails the task.
    """
    assert evaluation.campaign is not None
    have_read(labeler, evaluation.campaign)
    made: list[Ranking] = []
    while len(made) < at_most and (assignment := claim_ranking(labeler=labeler)) is not None:
        texts = Completion.objects.in_bulk(assignment.shown_order)
        good = {key: taste(texts[key].text) for key in texts}
        ranks = [1 + len({value for value in good.values() if value > good[key]}) for key in sorted(good)]
        said = judgements(assignment, ranks, quality=4)
        if rated:
            found = [max(1, min(7, int(good[key]))) for key in assignment.shown_order]
            said = [
                replace(each, quality=quality, flags=["fails_task"] if quality < 4 else [])
                for each, quality in zip(said, found, strict=True)
            ]
        made.append(
            submit_ranking(
                labeler=labeler,
                token=str(assignment.token),
                judgements=said,
                active_seconds=20,
            )
        )
    return made


def begins_with(*words: str) -> Taste:
    """Likes the words in this order, the first one most."""
    order = {word: -place for place, word in enumerate(words)}
    return lambda text: order.get(text.split()[0], -len(order))
