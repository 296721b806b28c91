"""The answers of own writing, as a page sends them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from labeling.base.text import LONGEST_ANSWER
from labeling.desk.forms import Data, Problem, TextField, problems_of
from labeling.writing.answers.queries import field_of

EMPTY = gettext_lazy("An answer is empty. Write it, or leave it as it was.")


@dataclass(frozen=True, kw_only=True)
class AnswerField:
    """One answer to be written; `query` is HTML, empty where the page says it already."""

    name: str
    query: str
    text: str
    faulty: bool


class AnswersForm(forms.Form):
    """One text for each answer, none of them empty. Its errors show where what was sent is checked aloud."""

    longest = LONGEST_ANSWER

    def __init__(self, data: Data, *, count: int, checked: bool = False) -> None:
        super().__init__(data)
        self.checked = checked
        for number in range(1, count + 1):
            self.fields[field_of(number)] = TextField(longest=LONGEST_ANSWER, error_messages={"required": EMPTY})

    def clean(self) -> None:
        for name, text in list(self.cleaned_data.items()):
            if not text.strip():
                self.add_error(name, EMPTY)

    @cached_property
    def problems(self) -> list[Problem]:
        return problems_of(self, {name: f"#{name}" for name in self.fields}) if self.checked else []

    def texts(self) -> list[str]:
        """Of a valid form, in the order of the answers."""
        return [self.cleaned_data[name] for name in self.fields]

    def shown(self, queries: Sequence[str]) -> list[AnswerField]:
        """Each field with its query, as HTML."""
        faulty = self.errors if self.checked else {}
        return [
            AnswerField(name=name, query=query, text=str(self.data.get(name, "")), faulty=name in faulty)
            for name, query in zip(self.fields, queries, strict=True)
        ]
