"""What labelers send: read, checked, and shown again with everything they entered.

A form here is always bound, to what was sent or to the draft; only what was sent is checked aloud. Fields go by the
shown position of a completion, never by its id. No field has a maxlength attribute: browsers cut a paste silently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from labeling.base.choices import STRENGTH_WORDS
from labeling.base.states import SkipReason
from labeling.base.text import UnstorableText, clean_text
from labeling.desk.queries.work import Flag, RankingPage, ShownCompletion
from labeling.desk.ranking.rules import QUALITY_HIGHEST, QUALITY_LOWEST
from labeling.desk.ranking.services import Judgement
from labeling.desk.rules.drafts import as_lists

LONGEST_NOTE = 10_000
LONGEST_UNFOLDED = 1500
"""Characters of a completion; a longer one shows its beginning and a button for the rest, where there are scripts."""
LONGEST_DEMONSTRATION = 100_000

Data = MultiValueDict[str, str]


def numbers(lowest: int, highest: int) -> list[str]:
    return [str(number) for number in range(lowest, highest + 1)]


QUALITIES = numbers(QUALITY_LOWEST, QUALITY_HIGHEST)


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


class ActiveSecondsField(forms.Field):
    """Measured by script; nobody can correct it by hand, so what can't be read counts as 0."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def to_python(self, value: Any) -> float:
        try:
            seconds = float(value or 0)
        except ValueError:
            return 0.0
        return seconds if isfinite(seconds) and seconds > 0 else 0.0


JUDGEMENT_FIELDS = ("quality", "rank", "flags", "note")
NOTE = TextField(longest=LONGEST_NOTE, required=False)


class JudgementForm:
    """What is said of one completion.

    It has what Django's forms have and is none of them: nine of those take longer than the rest of a submission.
    """

    def __init__(self, data: Data, *, position: int, k: int, flag_keys: Sequence[str]) -> None:
        self.data = data
        self.position = position
        self.k = k
        self.flag_keys = flag_keys

    def sent(self, name: str) -> list[str]:
        return self.data.getlist(f"{self.position}-{name}")

    @cached_property
    def errors(self) -> dict[str, list[str]]:
        """By field, in words. `cleaned_data` has the other fields."""
        found: dict[str, list[str]] = {}
        self.cleaned_data: dict[str, Any] = {}
        for name, clean in zip(JUDGEMENT_FIELDS, (self._quality, self._rank, self._flags, self._note), strict=True):
            try:
                self.cleaned_data[name] = clean()
            except forms.ValidationError as error:
                found[name] = error.messages
        return found

    def is_valid(self) -> bool:
        return not self.errors

    def _quality(self) -> int:
        return self._one_of("quality", QUALITIES)

    def _rank(self) -> int:
        return self._one_of("rank", numbers(1, self.k))

    def _one_of(self, name: str, offered: Sequence[str]) -> int:
        value = "".join(self.sent(name)[-1:])
        if value not in offered:
            raise forms.ValidationError(_("Choose one of the numbers."))
        return int(value)

    def _flags(self) -> list[str]:
        if unknown := [value for value in self.sent("flags") if value not in self.flag_keys]:
            raise forms.ValidationError(_("The rubric has no flag %(flags)s.") % {"flags": ", ".join(unknown)})
        return self.sent("flags")

    def _note(self) -> str:
        note: str = NOTE.clean("".join(self.sent("note")[-1:]))
        return note


class RankingForm(forms.Form):
    """What is said of the ranking as a whole."""

    note = TextField(longest=LONGEST_NOTE, required=False)
    none_acceptable = forms.BooleanField(required=False)
    active_seconds = ActiveSecondsField()


class StrengthsForm(forms.Form):
    """How much better each rank is than the next: strength-1 between ranks 1 and 2, and so on."""

    def __init__(self, data: Data, *, k: int) -> None:
        super().__init__(data)
        for step in range(1, k):
            self.fields[f"strength-{step}"] = forms.TypedChoiceField(
                coerce=int, empty_value=None, required=False, choices=list(STRENGTH_WORDS.items())
            )

    def check_steps(self, ranks: int) -> None:
        """Call once the ranks are known: exactly the steps between them have a strength."""
        for step, name in enumerate(self.fields, start=1):
            given = self.cleaned_data.get(name)
            if step < ranks and given is None and name not in self.errors:
                self.add_error(name, _("Say how much better rank %(upper)d is than rank %(lower)d.") % _step(step))
            elif step >= ranks and given is not None:
                text = _("There is no rank %(lower)d for rank %(upper)d to be better than. Clear this answer.")
                self.add_error(name, text % _step(step))

    def strengths(self, ranks: int) -> list[int]:
        return [self.cleaned_data[f"strength-{step}"] for step in range(1, ranks)]


def _step(step: int) -> dict[str, int]:
    return {"upper": step, "lower": step + 1}


class RankingEntry:
    """All that a ranking asks for: a form for each completion, and what is said of the whole."""

    def __init__(self, data: Data, *, k: int, flag_keys: Sequence[str], asks_strength: bool = False) -> None:
        self.k = k
        self.whole = RankingForm(data)
        self.steps = StrengthsForm(data, k=k) if asks_strength else None
        self.each = [JudgementForm(data, position=position, k=k, flag_keys=flag_keys) for position in range(1, k + 1)]

    def is_valid(self) -> bool:
        fine = all([self.whole.is_valid(), *(form.is_valid() for form in self.each)])
        return self._steps_are_valid() and fine

    def _steps_are_valid(self) -> bool:
        """Judged only once every completion has a rank: before, nobody can know which steps there will be."""
        if self.steps is None:
            return True
        if self.steps.is_valid() and all(form.cleaned_data.get("rank") for form in self.each):
            self.steps.check_steps(self._ranks())
        return not self.steps.errors

    def _ranks(self) -> int:
        return len({form.cleaned_data["rank"] for form in self.each})

    def strengths(self) -> list[int] | None:
        return None if self.steps is None else self.steps.strengths(self._ranks())

    def judgements(self) -> list[Judgement]:
        return [Judgement(shown_position=form.position, **form.cleaned_data) for form in self.each]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A completion with what has been said of it, as the page draws it."""

    shown: ShownCompletion
    form: JudgementForm
    rubric: Sequence[Flag]
    k: int
    checked: bool

    def has_entry(self) -> bool:
        return any(any(self.form.sent(name)) for name in JUDGEMENT_FIELDS)

    def lacks_quality(self) -> bool:
        return self.checked and "quality" in self.form.errors

    def lacks_rank(self) -> bool:
        return self.checked and "rank" in self.form.errors

    def qualities(self) -> list[Option]:
        return self._radios("quality", QUALITIES)

    def ranks(self) -> list[Option]:
        return self._radios("rank", numbers(1, self.k))

    def _radios(self, name: str, values: Sequence[str]) -> list[Option]:
        sent = self.form.sent(name)
        return [Option(value=value, label=value, checked=value in sent) for value in values]

    def flags(self) -> list[Option]:
        sent = self.form.sent("flags")
        return [
            Option(value=flag.key, label=flag.label, help=flag.help, checked=flag.key in sent) for flag in self.rubric
        ]

    def flag_count(self) -> int:
        return sum(option.checked for option in self.flags())

    def note(self) -> str:
        return "".join(self.form.sent("note")[-1:])

    def is_long(self) -> bool:
        return self.shown.length > LONGEST_UNFOLDED

    def length(self) -> str:
        return f"{self.shown.length:,}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """The question how much better one rank is than the next."""

    name: str
    upper: int
    lower: int
    options: Sequence[Option]
    lacking: bool


class RankingSheet:
    """An entry as the page draws it. `checked` says whether errors show."""

    def __init__(self, page: RankingPage, data: Data, *, checked: bool) -> None:
        self.checked = checked
        self.data = data
        entry = RankingEntry(
            data,
            k=len(page.completions),
            flag_keys=[flag.key for flag in page.flags],
            asks_strength=page.asks_strength,
        )
        if checked:
            entry.is_valid()
        self.whole = entry.whole
        self.steps = entry.steps
        self.cards = [
            Card(shown=shown, form=form, rubric=page.flags, k=entry.k, checked=checked)
            for shown, form in zip(page.completions, entry.each, strict=True)
        ]

    @cached_property
    def problems(self) -> list[Problem]:
        """For the summary at the top of the page: what all completions lack together, then single texts."""
        if not self.checked:
            return []
        common = [
            self._without("quality", _("Still without a rating:")),
            self._without("rank", _("Still without a rank:")),
        ]
        notes = [
            Problem(text=str(error), places=[(card.shown.letter, _anchor(card, "note"))])
            for card in self.cards
            for error in [*card.form.errors.get("note", []), *card.form.errors.get("flags", [])]
        ]
        whole = _problems_of(self.whole, note="#note")
        return [*filter(None, common), *notes, *whole, *self._step_problems()]

    def _step_problems(self) -> list[Problem]:
        return _problems_of(self.steps, **{name: f"#{name}" for name in self.steps.fields}) if self.steps else []

    def strengths(self) -> list[Step]:
        """The questions between neighbouring ranks, with what was answered."""
        fields = self.steps.fields if self.steps else ()
        return [
            Step(
                name=name,
                upper=step,
                lower=step + 1,
                lacking=self.checked and self.steps is not None and name in self.steps.errors,
                options=[
                    Option(value=str(value), label=label, checked=self.data.get(name) == str(value))
                    for value, label in STRENGTH_WORDS.items()
                ],
            )
            for step, name in enumerate(fields, start=1)
        ]

    def none_acceptable(self) -> bool:
        return bool(self.data.get("none_acceptable"))

    def duel(self) -> str:
        """The answers of a duel that was left in the middle (binary-insertion.js); of the draft, never a label."""
        return str(self.data.get("duel") or "")

    def _without(self, field: str, text: str) -> Problem | None:
        places = [(card.shown.letter, _anchor(card, field)) for card in self.cards if field in card.form.errors]
        return Problem(text=text, places=places) if places else None


def _anchor(card: Card, field: str) -> str:
    return f"#card-{card.shown.position}-{field}"


def _problems_of(form: forms.Form, **anchors: str) -> list[Problem]:
    return [
        Problem(text=str(error), places=[(_("Show"), anchors.get(name, "#main"))])
        for name, errors in form.errors.items()
        for error in errors
    ]


class DemonstrationForm(forms.Form):
    text = TextField(
        longest=LONGEST_DEMONSTRATION,
        error_messages={
            "required": gettext_lazy("There is no text yet. Write an answer, or skip the task with a reason.")
        },
    )
    active_seconds = ActiveSecondsField()

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if not text.strip():
            raise forms.ValidationError(self.fields["text"].error_messages["required"])
        return text


class DemonstrationSheet:
    """The text that is being written. `checked` says whether errors show."""

    def __init__(self, data: Data, *, checked: bool) -> None:
        self.checked = checked
        self.form = DemonstrationForm(data)

    def is_valid(self) -> bool:
        return self.form.is_valid()

    @property
    def longest(self) -> int:
        return LONGEST_DEMONSTRATION

    @cached_property
    def problems(self) -> list[Problem]:
        return _problems_of(self.form, text="#text") if self.checked else []


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


class SkipForm(forms.Form):
    """Why a task is given back. Its fields lie inside the work's own form, so that skipping sends the work along."""

    skip_reason = forms.TypedChoiceField(
        coerce=SkipReason,
        choices=[(reason, label) for reason, (label, _help) in SKIP_REASONS.items()],
        error_messages={"required": gettext_lazy("Choose a reason for skipping.")},
    )
    skip_note = TextField(longest=LONGEST_NOTE, required=False)

    def __init__(self, data: Data, *, checked: bool = False) -> None:
        super().__init__(data)
        self.checked = checked

    def reasons(self) -> "Reasons":
        sent = self.data.get("skip_reason")
        return Reasons(sent if sent in SKIP_REASONS else None)

    def note(self) -> str:
        return str(self.data.get("skip_note", ""))

    @cached_property
    def problems(self) -> list[Problem]:
        return _problems_of(self, skip_reason="#skip", skip_note="#skip") if self.checked else []
