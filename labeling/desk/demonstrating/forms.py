"""The form of a demonstration."""

from django import forms
from django.utils.translation import gettext_lazy

from labeling.base.text import LONGEST_ANSWER
from labeling.desk.forms import CheckedForm, TextField


class DemonstrationForm(CheckedForm):
    text = TextField(
        longest=LONGEST_ANSWER,
        error_messages={
            "required": gettext_lazy("There is no text yet. Write an answer, or skip the task with a reason.")
        },
    )
    places = {"text": "#text"}
    longest = LONGEST_ANSWER

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if not text.strip():
            raise forms.ValidationError(self.fields["text"].error_messages["required"])
        return text
