"""The shapes of the lines that a snapshot holds; docs/data-contract.md says what every field means."""

from typing import NotRequired, TypedDict

from lm.prompt_format import Message


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
