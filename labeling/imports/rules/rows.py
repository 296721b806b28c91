"""What a line of an import file becomes: a prompt with what belongs to it, or a refusal with its place."""

from dataclasses import dataclass

from labeling.base.states import ContentWarning, PromptSource, UseCase
from labeling.ranking_tasks.rules import GivenCompletion
from lm.prompt_format import Message


@dataclass(frozen=True, kw_only=True)
class Row:
    """A prompt that can be added as it is. `line` counts from 1."""

    line: int
    messages: tuple[Message, ...]
    submitter: str
    source: PromptSource
    use_case: UseCase
    language: str
    content_warnings: tuple[ContentWarning, ...] = ()
    demonstrations: tuple[str, ...] = ()
    completions: tuple[GivenCompletion, ...] = ()
    reference_left_out: bool = False


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """`line` and `column` count from 1; in a CSV file the column is the field's.

    `twin_id`: the prompt of the campaign that it duplicates, if that is why.
    """

    line: int
    column: int
    reason: str
    twin_id: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What holds where the file says nothing, and what is done with fields that Concord has no place for.

    `with_reference`: a human reference is ranked with the given completions, and not left out.
    `ignore`: names of fields that are left out; any other unknown field refuses its line.
    """

    submitter: str | None = None
    language: str | None = None
    languages: tuple[str, ...] = ("en", "zh")
    """The campaign's: a text that is too short to tell its language is in one of them."""
    use_case: UseCase | None = None
    with_reference: bool = False
    ignore: frozenset[str] = frozenset()


class FieldRefused(Exception):
    """A field that can't be taken; the reader adds the line and the column."""

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field
