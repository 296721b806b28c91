"""What all pages of work send: read, checked, and shown again with everything that was entered.

A form here is always bound, to what was sent or to the draft; only what was sent is checked aloud. No field has a
maxlength attribute: browsers cut a paste silently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from labeling.base.states import SkipReason
from labeling.base.text import UnstorableText, clean_text
from labeling.desk.rules.drafts import as_lists

LONGEST_NOTE = 10_000

Data = MultiValueDict[str, str]


def data_of_draft(draft: Mapping[str, object]) -> Data:
    """A draft as the form data that it was made of."""
    return MultiValueDict(as_lists(draft))


@dataclass(frozen=True, kw_only=True)
class Option:
    """One radio button or checkbox."""

    value: str
    label: str | Promise
    help: str | Promise = ""
    checked: bool = False


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong, and where: (label, address on this page) of each place."""

    text: str
    places: list[tuple[str, str]]


class TextField(forms.CharField):
    """Text in any script with \\n line ends. NUL and a length over `longest` are refused in words; nothing is cut."""

    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        too_long = ngettext_lazy(
            "This is %(show_value)d characters long; at most %(limit_value)d character fits. Nothing was cut.",
            "This is %(show_value)d characters long; at most %(limit_value)d characters fit. Nothing was cut.",
            "limit_value",
        )
        self.validators = [MaxLengthValidator(longest, message=too_long)]

    def to_python(self, value: Any) -> str:
        try:
            return clean_text(super().to_python(value) or "")
        except UnstorableText as unstorable:
            message = _("The text has a character that can't be stored (such as U+0000). Remove it and try again.")
            raise forms.ValidationError(message) from unstorable


class CheckedForm(forms.Form):
    """A form whose errors show only where what was sent is checked aloud. `places`: where each field's are shown."""

    places: ClassVar[Mapping[str, str]] = {}

    def __init__(self, data: Data, *, checked: bool = False) -> None:
        super().__init__(data)
        self.checked = checked

    @cached_property
    def problems(self) -> list[Problem]:
        return problems_of(self, self.places) if self.checked else []


def problems_of(form: forms.Form, places: Mapping[str, str], names: Mapping[str, str] | None = None) -> list[Problem]:
    """The errors of a form, each with the address on this page where it is to be seen.

    `names`: what the page calls the fields, where it has a name for them.
    """
    return [
        Problem(text=str(error), places=[((names or {}).get(name, _("Show")), places.get(name, "#main"))])
        for name, errors in form.errors.items()
        for error in errors
    ]


SKIP_REASONS = {
    SkipReason.UNCLEAR: (gettext_lazy("Unclear"), gettext_lazy("I can't work out what is wanted.")),
    SkipReason.NO_EXPERTISE: (
        gettext_lazy("No expertise"),
        gettext_lazy("I can't judge it, even after looking it up."),
    ),
    SkipReason.HARMFUL_TO_ME: (
        gettext_lazy("Harmful to me"),
        gettext_lazy("I'd rather not work with this content. No explanation needed."),
    ),
    SkipReason.WRONG_LANGUAGE: (gettext_lazy("Wrong language"), gettext_lazy("I don't read it fluently.")),
    SkipReason.BROKEN: (gettext_lazy("Broken"), gettext_lazy("Text is missing, garbled or cut off.")),
}


@dataclass(frozen=True)
class Reasons:
    """The reasons to choose from, and the chosen one."""

    chosen: str | None

    def options(self) -> list[Option]:
        return [
            Option(value=reason, label=label, help=help_text, checked=reason == self.chosen)
            for reason, (label, help_text) in SKIP_REASONS.items()
        ]


class SkipForm(CheckedForm):
    """Why a task is given back. Its fields lie inside the work's own form, so that skipping sends the work along."""

    skip_reason = forms.TypedChoiceField(
        coerce=SkipReason,
        choices=[(reason, label) for reason, (label, _help) in SKIP_REASONS.items()],
        error_messages={"required": gettext_lazy("Choose a reason for skipping.")},
    )
    skip_note = TextField(longest=LONGEST_NOTE, required=False)

    places = {"skip_reason": "#skip", "skip_note": "#skip"}

    def reasons(self) -> "Reasons":
        sent = self.data.get("skip_reason")
        return Reasons(sent if sent in SKIP_REASONS else None)

    def note(self) -> str:
        return str(self.data.get("skip_note", ""))
