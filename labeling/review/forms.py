"""What reviewers and labelers send: decisions, reasons, orders, messages."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.text import whole_number
from labeling.desk.forms import LONGEST_NOTE, Data, TextField
from labeling.desk.ranking.forms import numbers

LARGEST_ID = 2**63 - 1


class SeenForm(forms.Form):
    """`seen` is the revision that the page showed; empty of several rankings."""

    seen = forms.IntegerField(required=False, min_value=1)


class FixForm(SeenForm):
    """`why` is told to the labeler. The rest of the page is the form of its kind of work."""

    why = TextField(longest=LONGEST_NOTE, required=False)


class DecisionForm(SeenForm):
    text = TextField(longest=LONGEST_NOTE, required=False)


class ReturnForm(DecisionForm):
    text = TextField(
        longest=LONGEST_NOTE, error_messages={"required": lazy("Say what is to be changed, so that the labeler knows.")}
    )


class MessageForm(forms.Form):
    text = TextField(longest=LONGEST_NOTE, error_messages={"required": lazy("The message is empty.")})


class AdjudicationForm:
    """A rank for each completion, by its position, and what is said of the whole. `errors` are in words."""

    def __init__(self, data: Data, *, completions: Mapping[int, int]) -> None:
        """`completions`: position from 1 → the completion's id."""
        self.data = data
        self.completions = completions
        self.whole = WholeForm(data)

    def rank_of(self, position: int) -> str:
        value = str(self.data.get(f"{position}-rank") or "")
        return value if value in numbers(1, len(self.completions)) else ""

    def missing(self) -> list[int]:
        """The positions without a rank."""
        return [position for position in self.completions if not self.rank_of(position)]

    def errors(self) -> list[str]:
        found = [str(error) for errors in self.whole.errors.values() for error in errors]
        return [_("Give every completion a rank; equal ranks are a tie."), *found] if self.missing() else found

    def ranks(self) -> dict[int, int]:
        """By completion, of a form without errors."""
        return {pk: int(self.rank_of(position)) for position, pk in self.completions.items()}

    def seen(self) -> list[int]:
        """The ids of the rankings that the page showed."""
        parts = str(self.data.get("seen") or "").split(",")
        return [number for number in (whole_number(part, highest=LARGEST_ID) for part in parts) if number is not None]


class WholeForm(forms.Form):
    note = TextField(longest=LONGEST_NOTE, required=False)
    none_acceptable = forms.BooleanField(required=False)
