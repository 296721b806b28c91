"""What people said of the answers, prompt by prompt."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from labeling.base.states import TaskState
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.evaluations.models import Evaluation
from labeling.exports.queries import KEPT, rankings_with_exclusion
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import ALL_THE_SAME, RankingTask

DEMONSTRATIONS = 0
"""Stands for human demonstrations where a model version's id names who answered."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one ranking says of one answer."""

    rank: int
    quality: int | None
    flags: frozenset[str]


@dataclass(kw_only=True)
class JudgedPrompt:
    """A prompt whose answers somebody has ranked. `lengths` of the answers, in characters, and the rankings are by who
    answered: a version's id, or DEMONSTRATIONS. Without rankings all answers were the same text.
    """

    prompt: int
    use_case: str
    language: str
    lengths: dict[int, int] = field(default_factory=dict)
    rankings: list[dict[int, Said]] = field(default_factory=list)

    def score(self, one: int, other: int) -> float:
        """How often the first is preferred to the second: a tie is half a win."""
        if not self.rankings:
            return 0.5
        points = [_points(ranking[one].rank, ranking[other].rank) for ranking in self.rankings]
        return sum(points) / len(points)

    def longer_by(self, one: int, other: int) -> float:
        return self.lengths[one] - self.lengths[other]


def _points(rank: int, other: int) -> float:
    return 0.5 if rank == other else float(rank < other)


def judged_prompts(evaluation: Evaluation) -> list[JudgedPrompt]:
    """By the last revision of each ranking. What was set aside, withdrawn or left out of training is left out."""
    if evaluation.campaign is None:
        return []
    tasks = RankingTask.objects.filter(campaign=evaluation.campaign, copy_of=None, prompt__set_aside_reason="")
    last = Ranking.objects.filter(task__in=tasks.exclude(state=TaskState.SET_ASIDE)).last_revisions()
    kept = rankings_with_exclusion(last, as_of=timezone.now()).filter(excluded=KEPT)
    task_of = dict(kept.order_by("pk").values_list("pk", "task"))
    same = set(tasks.filter(state=TaskState.SET_ASIDE, set_aside_reason=ALL_THE_SAME).values_list("pk", flat=True))
    found = _with_lengths({*task_of.values(), *same})
    for ranking, said in _said_in(task_of, found).items():
        found[task_of[ranking]].judged.rankings.append(said)
    everybody = {DEMONSTRATIONS} if evaluation.demonstrations else set()
    everybody |= {version.pk for version in evaluation.versions()}
    return [each.judged for _task, each in sorted(found.items()) if everybody <= each.judged.lengths.keys()]


@dataclass(kw_only=True)
class _Answers:
    """One task: who gave which completion. Several may have given the same."""

    judged: JudgedPrompt
    givers: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def _with_lengths(tasks: set[int]) -> dict[int, _Answers]:
    found = {
        pk: _Answers(judged=JudgedPrompt(prompt=prompt, use_case=use_case, language=language))
        for pk, prompt, use_case, language in RankingTask.objects.filter(pk__in=tasks).values_list(
            "pk", "prompt", "prompt__use_case", "language"
        )
    }
    by_key: dict[tuple[int, str], tuple[int, int]] = {}
    shown = Completion.objects.filter(task__in=tasks).order_by("pk")
    for pk, task, text, key, version in shown.values_list("pk", "task", "text", "text_key", "run__model_version"):
        by_key[task, key] = pk, len(text)
        _give(found[task], version or DEMONSTRATIONS, pk, len(text))
    repeated = SamplingRun.objects.filter(task__in=tasks).exclude(repeated_key="")
    for task, key, version in repeated.values_list("task", "repeated_key", "model_version"):
        _give(found[task], version, *by_key[task, key])
    return found


def _give(answers: _Answers, giver: int, completion: int, length: int) -> None:
    answers.judged.lengths[giver] = length
    answers.givers[completion].append(giver)


def _said_in(task_of: dict[int, int], found: dict[int, _Answers]) -> dict[int, dict[int, Said]]:
    said: dict[int, dict[int, Said]] = {ranking: {} for ranking in task_of}
    rows = RankedCompletion.objects.filter(ranking__in=task_of).values_list(
        "ranking", "completion", "rank", "quality", "flags"
    )
    for ranking, completion, rank, quality, flags in rows:
        of_it = Said(rank=rank, quality=quality, flags=frozenset(flags))
        for giver in found[task_of[ranking]].givers[completion]:
            said[ranking][giver] = of_it
    return said


def scores_of(judged: Sequence[JudgedPrompt], one: int, other: int) -> list[float]:
    return [prompt.score(one, other) for prompt in judged]
