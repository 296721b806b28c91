"""What a trainer reads of a line of rankings/."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from lm.conversations import check_conversation, unstorable_character
from lm.errors import Refused
from lm.prompt_format import Message
from lm.snapshot.records.constants import K_HIGHEST, K_LOWEST, STRONGEST
from lm.snapshot.records.fields import check_schema, field_of


@dataclass(frozen=True)
class Ranking:
    """One labeler's order of K completions: `ranks[i]` belongs to `completions[i]`, 1 is best, equal ranks are ties."""

    ranking_id: int
    prompt_id: int
    prompt: tuple[Message, ...]
    completion_ids: tuple[int, ...]
    completions: tuple[str, ...]
    ranks: tuple[int, ...]
    strengths: tuple[int, ...] | None = None
    """How much better each rank is than the next one, 1 to 4; None where labelers weren't asked."""
    use_case: str = ""
    language: str = ""
    models: tuple[str, ...] = ()
    """The policy that wrote each completion, "" where the record doesn't say."""
    submitted_at: str = ""
    """ISO 8601 with its zone, "" where the record doesn't say."""
    task_id: int | None = None
    labeler: str = ""
    """A pseudonym, "" where the record doesn't say."""
    qualities: tuple[int | None, ...] = ()
    """The labeler's rating of each completion, 1 to 7, where there is one."""

    def only(self, places: Sequence[int]) -> Self:
        """Returns the order of some of the completions: ranks close up, and steps add up, to at most STRONGEST.

        Of ranks 1, 2, 3 with steps 2, 3 the first and the last are ranked 1, 2 with the step 4.
        """
        if len(places) == len(self.completions):
            return self
        left = sorted({self.ranks[place] for place in places})
        steps = self.strengths and tuple(
            min(STRONGEST, sum(self.strengths[upper - 1 : lower - 1])) for upper, lower in pairwise(left)
        )
        return replace(
            self,
            completion_ids=tuple(self.completion_ids[place] for place in places),
            completions=tuple(self.completions[place] for place in places),
            ranks=tuple(left.index(self.ranks[place]) + 1 for place in places),
            models=tuple(self.models[place] for place in places) if self.models else (),
            qualities=tuple(self.qualities[place] for place in places) if self.qualities else (),
            strengths=steps,
        )


def parse_ranking(record: dict[str, Any]) -> Ranking:
    """Raises Refused (without the place, which the caller knows) when a field is missing or wrong."""
    check_schema(record)
    ranking_id = field_of(record, "ranking_id", int)
    completions = field_of(record, "completions", list)
    if not K_LOWEST <= len(completions) <= K_HIGHEST:
        raise Refused(
            f"ranking {ranking_id} has {len(completions)} completions; it must have {K_LOWEST} to {K_HIGHEST}"
        )
    texts = tuple(field_of(completion, "text", str) for completion in completions)
    completion_ids = tuple(_completion_id(completion) for completion in completions)
    for text, completion_id in zip(texts, completion_ids, strict=True):
        if problem := unstorable_character(text):
            raise Refused(f"completion {completion_id} of ranking {ranking_id}: {problem}")
    ranks = _ranks(ranking_id, completions)
    return Ranking(
        ranking_id=ranking_id,
        prompt_id=field_of(record, "prompt_id", int),
        prompt=tuple(check_conversation(field_of(record, "prompt", list))),
        completion_ids=completion_ids,
        completions=texts,
        ranks=ranks,
        use_case=str(record.get("use_case") or ""),
        language=str(record.get("language") or ""),
        models=tuple(str(completion.get("model") or "") for completion in completions),
        submitted_at=str(record.get("submitted_at") or ""),
        task_id=record.get("task_id"),
        labeler=str(record.get("labeler") or ""),
        qualities=tuple(completion.get("quality") for completion in completions),
        strengths=_strengths(_with_edit_step(record), steps=len(set(ranks)) - 1),
    )


def _ranks(ranking_id: int, completions: list[Any]) -> tuple[int, ...]:
    """Raises Refused unless they are dense: a step that is missing would be taken for one that was made."""
    ranks = tuple(_rank(completion) for completion in completions)
    if missing := sorted(set(range(1, max(ranks) + 1)) - set(ranks)):
        raise Refused(
            f"ranking {ranking_id} has no completion at rank {missing[0]}; ranks must be 1, 2, 3 … without gaps, with "
            "equal ranks for ties"
        )
    return ranks


def _rank(completion: dict[str, Any]) -> int:
    rank: int = field_of(completion, "rank", int)
    if rank < 1:
        raise Refused(f"completion {_completion_id(completion)} has rank {rank}; ranks count from 1 (best)")
    return rank


def _completion_id(completion: Any) -> int:
    """Returns the id; for a completion that a labeler improved the demonstration's, negative: no model's completion has
    such an id.
    """
    if isinstance(completion, dict) and completion.get("edited") is True:
        return -int(field_of(completion, "demonstration_id", int))
    return int(field_of(completion, "completion_id", int))


def _with_edit_step(record: dict[str, Any]) -> Any:
    """How much better an edit is nobody was asked: the weakest strength, which is no margin and no scaling."""
    strengths = record.get("strengths")
    edited = any(completion.get("edited") is True for completion in record["completions"])
    if edited and isinstance(strengths, list) and strengths[:1] == [None]:
        return [1, *strengths[1:]]
    return strengths


def _strengths(strengths: Any, *, steps: int) -> tuple[int, ...] | None:
    if strengths is None:
        return None
    whole = isinstance(strengths, list) and all(type(one) is int and 1 <= one <= STRONGEST for one in strengths)
    if not whole or len(strengths) != steps:
        raise Refused(
            f'"strengths" must be {steps} whole numbers from 1 to {STRONGEST}, one between neighbouring ranks'
        )
    return tuple(strengths)
