"""What a line of an import file becomes: a prompt with what belongs to it, or a refusal with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labeling.base.states import ContentWarning, PromptSource, UseCase
from labeling.ranking_tasks.rules import GivenCompletion
from lm.prompt_format import Message


class Take(StrEnum):
    """What becomes of the answers that a file has beside its prompts. Demonstrations come in with all but PROMPTS."""

    COMPARISONS = "comparisons"
    """Ranked answers are kept as comparisons that somebody made elsewhere; unranked ones are to be ranked here."""
    COMPLETIONS = "completions"
    """All are to be ranked here; what they were ranked elsewhere is left out."""
    DEMONSTRATIONS = "demonstrations"
    """The best of them is an ideal answer; the others are left out."""
    PROMPTS = "prompts"
    """All are left out."""


@dataclass(frozen=True, kw_only=True)
class RankedText:
    """An answer with the rank that somebody gave it elsewhere: 1 is best, equal ranks are a tie."""

    text: str
    model: str
    rank: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An order of 2 to 9 answers that was made elsewhere.

    `strengths` says how much better each rank is than the next, 1 to 4, where the file says it. `annotator` is who made
    it, as the file names them.
    """

    completions: tuple[RankedText, ...]
    strengths: tuple[int, ...] | None = None
    annotator: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A prompt that can be added as it is. `line` counts from 1; `last_line`: of a CSV record that spans several."""

    line: int
    messages: tuple[Message, ...]
    submitter: str
    source: PromptSource
    use_case: UseCase
    language: str
    content_warnings: tuple[ContentWarning, ...] = ()
    required_skills: tuple[str, ...] = ()
    demonstrations: tuple[str, ...] = ()
    completions: tuple[GivenCompletion, ...] = ()
    comparison: Comparison | None = None
    demonstrations_asked: bool = True
    """Whether it asks for the campaign's demonstrations, less its own."""
    whole_text_differs: bool = False
    """Only a prompt with all of its text is its duplicate, not one that begins like it."""
    reference_left_out: bool = False
    answers_left_out: int = 0
    """Empty ones, and repetitions of another."""
    last_line: int | None = None
    format: str = ""
    """The public format that the line is in, as people call it; empty: Concord's own."""
    warnings: tuple[str, ...] = ()
    """What looks like something that it is not; the line comes in all the same."""
    lines: int = 1
    """So many hold an answer each to the prompt, and became this row."""


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """`line` and `column` count from 1; in a CSV file the column is the field's.

    `twin_id`: the prompt of the campaign that it duplicates, if that is why. `lines`: so many are refused with it.
    """

    line: int
    column: int
    reason: str
    twin_id: int | None = None
    lines: int = 1

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What holds where the file says nothing, and what is done with fields that Concord has no place for.

    `with_reference`: a human reference is ranked with the given completions, and not left out.
    `ignore`: names of fields that are left out, of the record and of its messages; any other unknown field refuses its
    line. `take_alike`: prompts that only begin alike are no duplicates.
    `demonstrate_compared`: prompts that come with an existing comparison ask for the campaign's demonstrations, too.
    `columns`: fields of the file under the names that Concord knows them by.
    """

    submitter: str | None = None
    language: str | None = None
    languages: tuple[str, ...] = ("en", "zh")
    """The campaign's: a text that is too short to tell its language is in one of them."""
    use_case: UseCase | None = None
    with_reference: bool = False
    ignore: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    take: Take = Take.COMPARISONS
    take_alike: bool = False
    demonstrate_compared: bool = False


class FieldRefused(Exception):
    """A field that can't be taken; the reader adds the line and the column."""

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field
