"""The form of a ranking: the judgement of each completion, and of all of them.

Fields go by the shown position of a completion, never by its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from labeling.base.states import Strength
from labeling.desk.forms import LONGEST_NOTE, Data, Option, Problem, TextField, problems_of
from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST, QUALITY_LOWEST
from labeling.desk.ranking.services import Judgement
from labeling.desk.rules.drafts import letter_of

LONGEST_UNFOLDED = 1500
"""Characters of a completion; a longer one shows its beginning and a button for the rest, where there are scripts."""


def numbers(lowest: int, highest: int) -> list[str]:
    return [str(number) for number in range(lowest, highest + 1)]


QUALITIES = numbers(QUALITY_LOWEST, QUALITY_HIGHEST)
JUDGEMENT_FIELDS = ("quality", "rank", "flags", "note")
NOTE = TextField(longest=LONGEST_NOTE, required=False)


class JudgementForm:
    """The fields of one completion.

    It behaves like a Django form but is none: nine of those take longer than the rest of a submission.
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
        """Returns the errors in words by field. `cleaned_data` has the other fields."""
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


class WholeForm(forms.Form):
    """The fields of the ranking as a whole."""

    note = TextField(longest=LONGEST_NOTE, required=False)
    none_acceptable = forms.BooleanField(required=False)


class StrengthsForm(forms.Form):
    """How much better each rank is than the next: strength-1 between ranks 1 and 2, and so on."""

    def __init__(self, data: Data, *, k: int) -> None:
        super().__init__(data)
        for step in range(1, k):
            self.fields[f"strength-{step}"] = forms.TypedChoiceField(
                coerce=int, empty_value=None, required=False, choices=Strength.choices
            )

    def check_steps(self, ranks: int) -> None:
        """Checks that exactly the steps between ranks have a strength. Call it once the ranks are known."""
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


@dataclass(frozen=True, kw_only=True)
class Step:
    """The question how much better one rank is than the next."""

    name: str
    upper: int
    lower: int
    options: Sequence[Option]
    lacking: bool


class RankingForm:
    """All that a ranking asks for: a form for each completion, and what is said of the whole.

    `checked` says whether errors show.
    """

    def __init__(
        self, data: Data, *, k: int, flag_keys: Sequence[str], asks_strength: bool = False, checked: bool = False
    ) -> None:
        self.data = data
        self.k = k
        self.checked = checked
        self.whole = WholeForm(data)
        self.steps = StrengthsForm(data, k=k) if asks_strength else None
        self.each = [JudgementForm(data, position=position, k=k, flag_keys=flag_keys) for position in range(1, k + 1)]
        if checked:
            self.is_valid()

    def is_valid(self) -> bool:
        fine = all([self.whole.is_valid(), *(form.is_valid() for form in self.each)])
        return self._steps_are_valid() and fine

    def _steps_are_valid(self) -> bool:
        """Returns whether the strengths are valid. They are checked only once every completion has a rank."""
        if self.steps is None:
            return True
        if self.steps.is_valid() and all(form.cleaned_data.get("rank") for form in self.each):
            self.steps.check_steps(self._ranks())
        return not self.steps.errors

    def _ranks(self) -> int:
        return len({form.cleaned_data["rank"] for form in self.each})

    def strengths(self) -> list[int] | None:
        """Returns the strengths of a valid form; None where the campaign does not ask for them."""
        return None if self.steps is None else self.steps.strengths(self._ranks())

    def judgements(self) -> list[Judgement]:
        return [Judgement(shown_position=form.position, **form.cleaned_data) for form in self.each]

    @cached_property
    def problems(self) -> list[Problem]:
        """Returns the problems for the summary at the top of the page: what all completions lack together, then single
        texts.
        """
        if not self.checked:
            return []
        common = [
            self._without("quality", _("Still without a rating:")),
            self._without("rank", _("Still without a rank:")),
        ]
        notes = [
            Problem(text=str(error), places=[_place(form, "note")])
            for form in self.each
            for error in [*form.errors.get("note", []), *form.errors.get("flags", [])]
        ]
        whole = problems_of(self.whole, {"note": "#note"}, {"note": _("Note on the whole")})
        return [*filter(None, common), *notes, *whole, *self._step_problems()]

    def _step_problems(self) -> list[Problem]:
        if self.steps is None:
            return []
        names = list(self.steps.fields)
        called = {
            name: _("Rank %(upper)s over rank %(lower)s") % _step(step) for step, name in enumerate(names, start=1)
        }
        return problems_of(self.steps, {name: f"#{name}" for name in names}, called)

    def _without(self, field: str, text: str) -> Problem | None:
        places = [_place(form, field) for form in self.each if field in form.errors]
        return Problem(text=text, places=places) if places else None

    def questions(self) -> list[Step]:
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
                    for value, label in Strength.choices
                ],
            )
            for step, name in enumerate(fields, start=1)
        ]

    def none_acceptable(self) -> bool:
        return bool(self.data.get("none_acceptable"))

    def duel(self) -> str:
        """The answers of a duel that was left in the middle (duel-order.js); of the draft, never a label."""
        return str(self.data.get("duel") or "")


def _place(form: JudgementForm, field: str) -> tuple[str, str]:
    """The completion's letter, and the address of the field on the page."""
    return letter_of(form.position), f"#card-{form.position}-{field}"
