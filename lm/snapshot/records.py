"""One line of a snapshot: the shapes that are written, and what a trainer reads of them, strictly.

docs/data-contract.md says what every field means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NotRequired, Self, TypedDict

from lm.conversations import check_conversation, check_text, unstorable_character
from lm.errors import Refused
from lm.prompt_format import Message

SPLITS = TRAIN, VALID, TEST = ("train", "valid", "test")
HELD_OUT = "held_out"
"""The split name of held-out labelers' work: it is in none of the others (InstructGPT §3.4)."""
RANKED_LOWEST, RANKED_HIGHEST = 4, 9
"""InstructGPT §3.5: labelers rank between K = 4 and K = 9 completions."""
DISTINCT_LOWEST = 2
"""Of 4 to 9 completions that came in a file, so many must differ: one text compares with nothing."""
K_LOWEST, K_HIGHEST = DISTINCT_LOWEST, RANKED_HIGHEST + 1
"""Completions of a record: one more than were ranked where the labeler improved the best."""
FEWEST_PAIRS = 30
"""An agreement over fewer pairs says nothing: at 30 the standard error of a share is still nine points of a hundred."""
IMPORTED_FROM = 1_000_000_000_000
"""Ids of comparisons that were made elsewhere, and of their completions, are larger: they share none with labelers'."""
MOST_IMPORTED = 10
"""Ids that each of them has for its completions."""
ADJUDICATED_FROM = 2_000_000_000_000
CONSENSUS_FROM = 3_000_000_000_000
"""Ids of adjudications, and of tasks whose rankings were combined, are larger: they share none with other rankings."""
FEW_SHOT = "labeler_few_shot"
"""`prompt_source` of a demonstration whose prompt is one pair of several that a labeler wrote."""
LABELER, CONSENSUS, ADJUDICATED = "labeler", "consensus", "adjudicated"
"""Whose order a ranking is: one labeler's, that of several by ranked pairs, or a reviewer's above theirs."""
STRONGEST = 4
"""Strengths run from 1 (negligibly better) to 4 (significantly better), as in Llama 2 (Touvron et al. 2023)."""


class CompletionRecord(TypedDict):
    """One completion of a ranking; of one that a labeler wrote, all that a model would have is None."""

    completion_id: int | None
    text: str
    rank: int
    quality: int | None
    flags: list[str]
    note: str
    shown_position: int | None
    model: str | None
    model_version_id: int | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    tokens: int | None
    finish_reason: str | None
    mean_logprob: float | None
    best_of: int | None
    edited: bool | None
    demonstration_id: int | None


class OriginRecord(TypedDict):
    """Where an existing comparison is from, under which licence, and who made it; "" where nobody said."""

    dataset: str
    licence: str
    annotator: str


class VoteRecord(TypedDict):
    """How many labelers put `first` above `second`, `second` above `first`, and neither above the other."""

    first: int
    second: int
    above: int
    below: int
    tied: int


class ConsensusRecord(TypedDict):
    """What a ranking was made of that is nobody's own: the rankings and the votes of each pair of completions."""

    rankings: list[int]
    votes: list[VoteRecord]


class RankingRecord(TypedDict):
    """A line of rankings/SPLIT.jsonl. `label`: LABELER, CONSENSUS or ADJUDICATED."""

    schema: int
    ranking_id: int
    revision: int
    task_id: int | None
    prompt_id: int
    campaign: str
    split: str
    prompt: list[Message]
    completions: list[CompletionRecord]
    strengths: list[int | None] | None
    none_acceptable: bool | None
    labeler: str | None
    labeler_group: str | None
    simulated: bool
    use_case: str
    language: str
    source: str
    instruction_version: int | None
    rubric_version: int | None
    active_seconds: float | None
    submitted_at: str
    imported: OriginRecord | None
    label: str
    fixed: bool
    consensus: ConsensusRecord | None


class PairRecord(TypedDict):
    """A line of pairs/SPLIT.jsonl: TRL's conversational preferences."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    margin: NotRequired[float]
    """Where it was asked for: how much better the chosen one is, from 0 to 1 (TRL's column of that name)."""


class SuggestionRecord(TypedDict):
    """What a demonstration was made from."""

    outcome: str
    edit_distance: int | None
    model: str | None


class DemonstrationRecord(TypedDict):
    """A line of demonstrations/SPLIT.jsonl; of an imported one nobody knows the labeler."""

    schema: int
    demonstration_id: int
    revision: int
    prompt_id: int
    campaign: str
    split: str
    prompt: list[Message]
    completion: list[Message]
    labeler: str | None
    labeler_group: str
    simulated: bool
    use_case: str
    language: str
    source: str
    instruction_version: int | None
    active_seconds: float | None
    submitted_at: str
    suggestion: SuggestionRecord | None
    fixed: bool
    prompt_source: str


class PromptRecord(TypedDict):
    """A line of prompts/SPLIT.jsonl: a prompt to be answered, whether or not anybody has labelled it."""

    schema: int
    prompt_id: int
    campaign: str
    split: str
    prompt: list[Message]
    use_case: str
    language: str
    source: str
    created_at: str


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


@dataclass(frozen=True)
class Demonstration:
    """A labeler's own answer to a prompt."""

    demonstration_id: int
    prompt: tuple[Message, ...]
    completion: str
    source: str = ""
    """How it came about (docs/data-contract.md), "" where the record doesn't say."""
    prompt_id: int | None = None
    few_shot: bool = False
    """Whether its prompt is an instruction, pairs of query and response as turns, and a query."""


def parse_ranking(record: dict[str, Any]) -> Ranking:
    """Raises Refused (without the place, which the caller knows) when a field is missing or wrong."""
    _check_schema(record)
    ranking_id = _field(record, "ranking_id", int)
    completions = _field(record, "completions", list)
    if not K_LOWEST <= len(completions) <= K_HIGHEST:
        raise Refused(
            f"ranking {ranking_id} has {len(completions)} completions; it must have {K_LOWEST} to {K_HIGHEST}"
        )
    texts = tuple(_field(completion, "text", str) for completion in completions)
    completion_ids = tuple(_completion_id(completion) for completion in completions)
    for text, completion_id in zip(texts, completion_ids, strict=True):
        if problem := unstorable_character(text):
            raise Refused(f"completion {completion_id} of ranking {ranking_id}: {problem}")
    ranks = _ranks(ranking_id, completions)
    return Ranking(
        ranking_id=ranking_id,
        prompt_id=_field(record, "prompt_id", int),
        prompt=tuple(check_conversation(_field(record, "prompt", list))),
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


def parse_demonstration(record: dict[str, Any]) -> Demonstration:
    """Raises Refused (without the place) when a field is missing or wrong."""
    _check_schema(record)
    demonstration_id = _field(record, "demonstration_id", int)
    return Demonstration(
        demonstration_id=demonstration_id,
        prompt=tuple(check_conversation(_field(record, "prompt", list))),
        completion=_answer(demonstration_id, _field(record, "completion", list)),
        source=str(record.get("source") or ""),
        prompt_id=record.get("prompt_id"),
        few_shot=record.get("prompt_source") == FEW_SHOT,
    )


def parse_prompt(record: dict[str, Any]) -> tuple[Message, ...]:
    """The prompt of a line of prompts/. Raises Refused (without the place) when a field is missing or wrong."""
    _check_schema(record)
    return tuple(check_conversation(_field(record, "prompt", list)))


def parse_prompt_and_completion(record: dict[str, Any]) -> tuple[tuple[Message, ...], str]:
    """A line to score, whatever else it holds. Raises Refused (without the place) when either is missing or wrong."""
    completion = check_text("The completion", _field(record, "completion", str))
    return tuple(check_conversation(_field(record, "prompt", list))), completion


def _answer(demonstration_id: int, completion: list[Any]) -> str:
    roles = [message.get("role") if isinstance(message, dict) else None for message in completion]
    if roles != ["assistant"]:
        raise Refused(f"demonstration {demonstration_id} must have a completion of exactly one assistant message")
    text: str = _field(completion[0], "content", str)
    if problem := unstorable_character(text):
        raise Refused(f"the completion of demonstration {demonstration_id}: {problem}")
    return text


def _check_schema(record: dict[str, Any]) -> None:
    if record.get("schema") != 1:
        raise Refused(f"its schema is {record.get('schema')!r}; this trainer reads schema 1")


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
    rank: int = _field(completion, "rank", int)
    if rank < 1:
        raise Refused(f"completion {_completion_id(completion)} has rank {rank}; ranks count from 1 (best)")
    return rank


def _completion_id(completion: Any) -> int:
    """Returns the id; for a completion that a labeler improved the demonstration's, negative: no model's completion has
    such an id.
    """
    if isinstance(completion, dict) and completion.get("edited") is True:
        return -int(_field(completion, "demonstration_id", int))
    return int(_field(completion, "completion_id", int))


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


def _field(record: Any, name: str, kind: type) -> Any:
    if not isinstance(record, dict) or name not in record:
        raise Refused(f'"{name}" is missing')
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refused(f'"{name}" is {type(value).__name__}, not {kind.__name__}')
    return value
