"""A labeler's own prompts as their form holds them, what is wrong with them, and how few-shot ones are expanded. Pure.

The fields are `kind`, `use_case`, `language`, `statement` (the use case shown), `prompt-text` and `answer-text`, or for
few-shot prompts `instruction-text` and, of pair 3, `3-query-text` and `3-response-text`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from labeling.base.states import PromptSource, UseCase
from labeling.base.text import LONGEST_ANSWER, LONGEST_TURN, UnstorableText, clean_text
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.desk.rules.drafts import Draft, as_lists, first
from lm.prompt_format import Message

FEWEST_PAIRS, MOST_PAIRS = 2, 10

KINDS = {
    "plain": PromptSource.LABELER_PLAIN,
    "few_shot": PromptSource.LABELER_FEW_SHOT,
    "user_based": PromptSource.LABELER_USER_BASED,
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A query and its ideal response."""

    query: str = ""
    response: str = ""

    def is_blank(self) -> bool:
        return not self.query.strip() and not self.response.strip()


@dataclass(frozen=True, kw_only=True)
class OwnWriting:
    """All that the form holds, of whichever kind: changing the kind loses nothing."""

    kind: str = "plain"
    use_case: str = ""
    language: str = ""
    statement: str = ""
    prompt: str = ""
    answer: str = ""
    instruction: str = ""
    pairs: Sequence[Pair] = field(default_factory=lambda: [Pair()] * FEWEST_PAIRS)

    def written_pairs(self) -> list[Pair]:
        """Returns the pairs in which something was written."""
        return [pair for pair in self.pairs if not pair.is_blank()]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A prompt that an own prompt makes, with the answer that was written for it, if one was."""

    messages: list[Message]
    answer: str


def writing_in(stored: Mapping[str, object]) -> OwnWriting:
    draft = as_lists(stored)
    kind = first(draft, "kind")
    return OwnWriting(
        kind=kind if kind in KINDS else "plain",
        use_case=first(draft, "use_case"),
        language=first(draft, "language"),
        statement=first(draft, "statement"),
        prompt=first(draft, "prompt-text"),
        answer=first(draft, "answer-text"),
        instruction=first(draft, "instruction-text"),
        pairs=_pairs_in(draft),
    )


def _pairs_in(draft: Draft) -> list[Pair]:
    pairs: list[Pair] = []
    while len(pairs) < MOST_PAIRS and f"{len(pairs) + 1}-query-text" in draft:
        number = len(pairs) + 1
        pairs.append(Pair(query=first(draft, f"{number}-query-text"), response=first(draft, f"{number}-response-text")))
    return pairs + [Pair()] * (FEWEST_PAIRS - len(pairs))


def pairs_as_draft(pairs: Sequence[Pair]) -> Draft:
    fields: Draft = {}
    for number, pair in enumerate(pairs, start=1):
        fields |= {f"{number}-query-text": [pair.query], f"{number}-response-text": [pair.response]}
    return fields


def expansions(*, instruction: str, pairs: Sequence[Pair]) -> list[Example]:
    """K pairs make K examples, each with the other K−1 in its context (InstructGPT, appendix A.1).

    The context begins with the pair after the asked one and goes round, so that no two examples begin alike.
    """
    return [
        Example(messages=_asked_after(instruction, [*pairs[number + 1 :], *pairs[:number]], pair), answer=pair.response)
        for number, pair in enumerate(pairs)
    ]


def _asked_after(instruction: str, context: Sequence[Pair], asked: Pair) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": instruction}]
    for pair in context:
        messages += [{"role": "user", "content": pair.query}, {"role": "assistant", "content": pair.response}]
    return [*messages, {"role": "user", "content": asked.query}]


def examples_of(writing: OwnWriting) -> list[Example]:
    if writing.kind == "few_shot":
        return expansions(instruction=writing.instruction, pairs=writing.written_pairs())
    return [Example(messages=[{"role": "user", "content": writing.prompt}], answer=writing.answer)]


class Fault(StrEnum):
    NO_PROMPT = "no_prompt"
    NO_INSTRUCTION = "no_instruction"
    HALF_A_PAIR = "half_a_pair"
    TOO_FEW_PAIRS = "too_few_pairs"
    ALIKE = "alike"
    NO_USE_CASE = "no_use_case"
    TOO_LONG = "too_long"
    UNSTORABLE = "unstorable"


@dataclass(frozen=True, kw_only=True)
class FieldFault:
    """What is wrong, and the name of the field where."""

    field: str
    fault: Fault


def faults_of(writing: OwnWriting) -> list[FieldFault]:
    """All that keeps it from being handed in. Only the fields of its kind are judged."""
    faults = _faults_of_pairs(writing) if writing.kind == "few_shot" else _faults_of_prompt(writing)
    if writing.use_case not in list(UseCase):
        faults.append(FieldFault(field="use_case", fault=Fault.NO_USE_CASE))
    return faults


def _faults_of_prompt(writing: OwnWriting) -> list[FieldFault]:
    faults = _faults_of_text("prompt-text", writing.prompt, longest=LONGEST_TURN, empty=Fault.NO_PROMPT)
    return faults + _faults_of_text("answer-text", writing.answer, longest=LONGEST_ANSWER)


def _faults_of_pairs(writing: OwnWriting) -> list[FieldFault]:
    faults = _faults_of_text("instruction-text", writing.instruction, longest=LONGEST_TURN, empty=Fault.NO_INSTRUCTION)
    for number, pair in enumerate(writing.pairs, start=1):
        empty = None if pair.is_blank() else Fault.HALF_A_PAIR
        faults += _faults_of_text(f"{number}-query-text", pair.query, longest=LONGEST_TURN, empty=empty)
        faults += _faults_of_text(f"{number}-response-text", pair.response, longest=LONGEST_TURN, empty=empty)
    pairs = writing.written_pairs()
    if len(pairs) < FEWEST_PAIRS:
        faults.append(FieldFault(field="1-query-text", fault=Fault.TOO_FEW_PAIRS))
    keys = {prompt_key(example.messages) for example in expansions(instruction="", pairs=pairs)}
    if len(keys) < len(pairs):
        faults.append(FieldFault(field="1-query-text", fault=Fault.ALIKE))
    return faults


def _faults_of_text(name: str, text: str, *, longest: int, empty: Fault | None = None) -> list[FieldFault]:
    found = []
    if empty and not text.strip():
        found.append(empty)
    if len(text.replace("\r\n", "\n")) > longest:  # forms send two characters for a line end
        found.append(Fault.TOO_LONG)
    try:
        clean_text(text)
    except UnstorableText:
        found.append(Fault.UNSTORABLE)
    return [FieldFault(field=name, fault=fault) for fault in found]
