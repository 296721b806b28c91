"""The answers that a record has beside its prompt: to be ranked here, ranked elsewhere already, or ideal ones. Pure."""

from dataclasses import dataclass
from typing import Any

from labeling.base.text import UnstorableText, clean_text
from labeling.imports.rules.fields import list_of, storable
from labeling.imports.rules.formats.shape import Record
from labeling.imports.rules.rows import Comparison, FieldRefused, RankedText, Take
from labeling.ranking_tasks.rules import GivenCompletion, text_key
from lm.snapshot.records.constants import DISTINCT_LOWEST, RANKED_HIGHEST, RANKED_LOWEST, STRONGEST
from lm.white_space import kept_answer

HUMAN = "human"
"""The model name of a human reference that is ranked with the completions of models."""
LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a row has beside its prompt. `left_out`: empty answers of a comparison, and repetitions."""

    completions: tuple[GivenCompletion, ...] = ()
    comparison: Comparison | None = None
    demonstrations: tuple[str, ...] = ()
    left_out: int = 0


def answers_of(record: Record, *, take: Take, with_reference: bool) -> Answers:
    """Raises FieldRefused."""
    if take == Take.PROMPTS:
        return Answers()
    given = _given(record)
    demonstrations = _demonstrations(record)
    ranked = [each for each in given if isinstance(each, RankedText)]
    if take == Take.DEMONSTRATIONS:
        best = [each.text for each in ranked if each.rank == 1] or [each.text for each in given if len(given) == 1]
        if given and not best:
            raise FieldRefused("Its completions have no ranks, so the best of them is not known.", field="completions")
        return Answers(demonstrations=(*demonstrations, *(_demonstration(text, "completions") for text in best)))
    if ranked and take == Take.COMPARISONS:
        comparison = _comparison(record, ranked)
        left_out = len(ranked) - len(comparison.completions)
        return Answers(comparison=comparison, demonstrations=demonstrations, left_out=left_out)
    completions = tuple(GivenCompletion(text=each.text, model=each.model) for each in given)
    reference = record.get("human_reference")
    if isinstance(reference, str) and with_reference:
        completions = (*completions, GivenCompletion(text=reference, model=HUMAN))
    _refuse_if_no_task(completions)
    return Answers(completions=completions, demonstrations=demonstrations)


def _refuse_if_no_task(completions: tuple[GivenCompletion, ...]) -> None:
    if completions and not RANKED_LOWEST <= len(completions) <= RANKED_HIGHEST:
        given = "1 completion was" if len(completions) == 1 else f"{len(completions)} completions were"
        raise FieldRefused(
            f"{given} given; a ranking task needs {RANKED_LOWEST} to {RANKED_HIGHEST}. "
            f"{DISTINCT_LOWEST} to {RANKED_HIGHEST} with ranks would be an existing comparison; with the answers left "
            "out the prompt comes in alone.",
            field="completions",
        )


def _given(record: Record) -> list[RankedText | GivenCompletion]:
    given = list_of(record, "completions")
    answers = [_answer(number, each) for number, each in enumerate(given, start=1)]
    if len({type(answer) for answer in answers}) > 1:
        raise FieldRefused("Some completions have a rank and some have none.", field="completions")
    return answers


def _answer(number: int, given: Any) -> RankedText | GivenCompletion:
    if not isinstance(given, dict) or not set(given) - {"rank"} == {"text", "model"}:
        raise FieldRefused(f"Completion {number} is no object of text and model.", field="completions")
    if not all(isinstance(given[name], str) for name in ("text", "model")):
        raise FieldRefused(f"Completion {number}: text and model must be texts.", field="completions")
    if "rank" not in given:
        return GivenCompletion(text=given["text"], model=given["model"])
    if type(given["rank"]) is not int or given["rank"] < 1:
        raise FieldRefused(f"Completion {number}: rank must be a whole number from 1 (best).", field="completions")
    return RankedText(text=_storable_answer(given["text"], number), model=given["model"], rank=given["rank"])


def _storable_answer(text: str, number: int) -> str:
    try:
        return clean_text(text)
    except UnstorableText as unstorable:
        raise FieldRefused(f"Completion {number}: {unstorable}", field="completions") from unstorable


def _comparison(record: Record, ranked: list[RankedText]) -> Comparison:
    distinct = _distinct(ranked)
    if not DISTINCT_LOWEST <= len(distinct) <= RANKED_HIGHEST:
        raise FieldRefused(
            f"A comparison has {DISTINCT_LOWEST} to {RANKED_HIGHEST} distinct completions that are not empty; this one "
            f"has {len(distinct)}.",
            field="completions",
        )
    ranks = {each.rank for each in distinct}
    if ranks != set(range(1, len(ranks) + 1)):
        if {each.rank for each in ranked} != set(range(1, max(each.rank for each in ranked) + 1)):
            raise FieldRefused("Its ranks have gaps; they must be 1, 2, 3 … with ties.", field="completions")
        order = sorted(ranks)  # the gap is where an empty answer was
        distinct = [RankedText(text=one.text, model=one.model, rank=order.index(one.rank) + 1) for one in distinct]
    return Comparison(
        completions=tuple(distinct),
        strengths=_strengths(record, steps=len(ranks) - 1),
        annotator=_annotator(record),
    )


def _distinct(ranked: list[RankedText]) -> list[RankedText]:
    """Without empty ones; of one text at one rank the first. Raises FieldRefused: at two ranks."""
    kept: dict[str, RankedText] = {}
    for number, each in enumerate(ranked, start=1):
        text = kept_answer(each.text)
        first = kept.setdefault(text_key(text), RankedText(text=text, model=each.model, rank=each.rank))
        if text and first.rank != each.rank:
            raise FieldRefused(f"Completion {number} is the same text as another of a different rank.",
                               field="completions")  # fmt: skip
    return [each for each in kept.values() if each.text]


def _strengths(record: Record, *, steps: int) -> tuple[int, ...] | None:
    if "strengths" not in record:
        return None
    given = list_of(record, "strengths")
    if len(given) != steps or not all(type(one) is int and 1 <= one <= STRONGEST for one in given):
        raise FieldRefused(
            f"strengths must be {steps} whole numbers from 1 to {STRONGEST}, one between neighbouring ranks.",
            field="strengths",
        )
    return tuple(given)


def _annotator(record: Record) -> str:
    name = record.get("annotator", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise FieldRefused(f"annotator must be a name of at most {LONGEST_NAME} characters.", field="annotator")
    return storable(name, "annotator")


def _demonstrations(record: Record) -> tuple[str, ...]:
    if "demonstration" in record and "demonstrations" in record:
        raise FieldRefused("It has demonstration and demonstrations; put all of them in one.", field="demonstrations")
    field = "demonstration" if "demonstration" in record else "demonstrations"
    given = [record[field]] if field == "demonstration" else list_of(record, field)
    return tuple(_demonstration(text, field) for text in given)


def _demonstration(text: object, field: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldRefused("A demonstration is empty or no text.", field=field)
    return kept_answer(storable(text, field))
