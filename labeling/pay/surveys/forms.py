"""The survey as labelers fill it in, and its words."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.pay.surveys.rules import SCALE, STATEMENTS

# The statements as InstructGPT put them (App. B.4).
WORDS: dict[str, StrPromise] = {
    "clear": _("It was clear from the instructions what I was supposed to do."),
    "enjoyable": _("I found the task enjoyable and engaging."),
    "repetitive": _("I found the task repetitive."),
    "fair": _("I was paid fairly for doing the task."),
    "glad": _("Overall, I am glad I did this task."),
}
ANSWERS: dict[int, StrPromise] = {
    5: _("Strongly agree"),
    4: _("Agree"),
    3: _("Neither agree nor disagree"),
    2: _("Disagree"),
    1: _("Strongly disagree"),
}
LONGEST_COMMENT = 5_000


class SurveyForm(forms.Form):
    comment = forms.CharField(
        label=_("Anything else? (optional)"),
        required=False,
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4, "class": "input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for statement in STATEMENTS:
            self.fields[statement] = forms.TypedChoiceField(
                label=WORDS[statement],
                choices=[(value, ANSWERS[value]) for value in SCALE],
                coerce=int,
                widget=forms.RadioSelect,
                error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose one of the five.")),
            )
        self.order_fields([*STATEMENTS, "comment"])

    def statements(self) -> list[forms.BoundField]:
        return [self[statement] for statement in STATEMENTS]

    def says(self) -> dict[str, int]:
        return {statement: self.cleaned_data[statement] for statement in STATEMENTS}
