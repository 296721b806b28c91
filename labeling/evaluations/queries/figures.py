"""The figures of an evaluation. Everything is counted prompt by prompt: rankings of one prompt hang together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST, QUALITY_LOWEST
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.judged import DEMONSTRATIONS, JudgedPrompt, Said, judged_prompts, scores_of
from labeling.evaluations.rules.estimates import Estimate, length_controlled, mean_of
from labeling.evaluations.rules.strength import Strength, strengths_of

FLAGS_FIRST = ("hallucination", "fails_task", "encourages_harm", "harmful_advice")
"""Of the starter rubric: whether it is true, does what was asked, does no harm (InstructGPT, sections 3.6 and 4.1)."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How often `one` was preferred to `other`. `wins`, `ties` and `losses` count prompts: more than half of a prompt's
    rankings, half of them, fewer. `controlled`: at equal lengths.
    """

    one: int
    other: int
    wins: int
    ties: int
    losses: int
    rate: Estimate | None
    controlled: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """The candidate against the baseline on some of the prompts."""

    value: str
    prompts: int
    rate: Estimate | None


@dataclass(frozen=True, kw_only=True)
class OfAnswers:
    """What was said of one contestant's answers. `rated`: to how many prompts. `flags`: how often each is set,
    FLAGS_FIRST of the rubric first, then the others that were set for anybody.
    """

    who: int
    rated: int
    quality: Estimate | None
    flags: dict[str, Estimate | None]
    strength: Strength | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Who answered is a version's id, or DEMONSTRATIONS. The candidate comes first, then the baseline."""

    prompts: int
    rankings: int
    pairs: list[Pair]
    by_use_case: list[Part]
    by_language: list[Part]
    answers: list[OfAnswers]


def figures_of(evaluation: Evaluation) -> Figures:
    judged = judged_prompts(evaluation)
    contestants = contestants_of(evaluation)
    candidate, baseline = contestants[:2]
    strengths = _strengths(judged, contestants) if len(contestants) > 2 else None
    flags = _flags(evaluation, judged)
    return Figures(
        prompts=len(judged),
        rankings=sum(len(prompt.rankings) for prompt in judged),
        pairs=[_pair(judged, one, other) for one, other in combinations(contestants, 2)],
        by_use_case=_parts(judged, lambda prompt: prompt.use_case, candidate, baseline),
        by_language=_parts(judged, lambda prompt: prompt.language, candidate, baseline),
        answers=[
            _of_answers(judged, who, flags=flags, strength=strengths[place] if strengths else None)
            for place, who in enumerate(contestants)
        ],
    )


def contestants_of(evaluation: Evaluation) -> list[int]:
    """The candidate, the baseline, the others, demonstrations."""
    versions = [version.pk for version in evaluation.versions()]
    if not evaluation.demonstrations:
        return versions
    if evaluation.baseline_id is None:
        return [versions[0], DEMONSTRATIONS, *versions[1:]]
    return [*versions, DEMONSTRATIONS]


def _pair(judged: Sequence[JudgedPrompt], one: int, other: int) -> Pair:
    scores = scores_of(judged, one, other)
    return Pair(
        one=one,
        other=other,
        wins=sum(score > 0.5 for score in scores),
        ties=sum(score == 0.5 for score in scores),
        losses=sum(score < 0.5 for score in scores),
        rate=mean_of(scores),
        controlled=length_controlled(scores, [prompt.longer_by(one, other) for prompt in judged]),
    )


def _parts(judged: Sequence[JudgedPrompt], part_of: Callable[[JudgedPrompt], str], one: int, other: int) -> list[Part]:
    found: dict[str, list[JudgedPrompt]] = {}
    for prompt in judged:
        found.setdefault(part_of(prompt), []).append(prompt)
    return [
        Part(value=value, prompts=len(prompts), rate=mean_of(scores_of(prompts, one, other)))
        for value, prompts in sorted(found.items(), key=lambda part: (-len(part[1]), part[0]))
    ]


def _of_answers(
    judged: Sequence[JudgedPrompt], who: int, *, flags: Sequence[str], strength: Strength | None
) -> OfAnswers:
    ratings = _means(judged, who, lambda said: said.quality)
    return OfAnswers(
        who=who,
        rated=len(ratings),
        quality=mean_of(ratings, lowest=QUALITY_LOWEST, highest=QUALITY_HIGHEST),
        flags={flag: mean_of(_means(judged, who, _is_flagged(flag))) for flag in flags},
        strength=strength,
    )


def _flags(evaluation: Evaluation, judged: Sequence[JudgedPrompt]) -> list[str]:
    said = (each for prompt in judged for ranking in prompt.rankings for each in ranking.values())
    found = {flag for each in said for flag in each.flags}
    rubric = evaluation.campaign.rubric_versions.first() if evaluation.campaign else None
    first = [flag for flag in FLAGS_FIRST if rubric and flag in rubric.flag_keys()]
    return [*first, *sorted(found - {*first})]


def _is_flagged(flag: str) -> Callable[[Said], float]:
    return lambda said: float(flag in said.flags)


def _means(judged: Iterable[JudgedPrompt], who: int, value_of: Callable[[Said], float | None]) -> list[float]:
    """One mean for each prompt of which somebody said a value."""
    said = ([value_of(ranking[who]) for ranking in prompt.rankings] for prompt in judged)
    known = ([value for value in values if value is not None] for values in said)
    return [sum(values) / len(values) for values in known if values]


def _strengths(judged: Sequence[JudgedPrompt], contestants: Sequence[int]) -> list[Strength] | None:
    by_prompt = np.zeros((len(judged), len(contestants), len(contestants)))
    for place, prompt in enumerate(judged):
        for one, other in combinations(range(len(contestants)), 2):
            score = prompt.score(contestants[one], contestants[other])
            by_prompt[place, one, other], by_prompt[place, other, one] = score, 1 - score
    return strengths_of(by_prompt, beside=1)
