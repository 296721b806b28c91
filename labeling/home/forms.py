"""What the history is narrowed down to."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.home.queries.history import Sought

Choices = list[tuple[str, str]]


class DayField(forms.DateField):
    def __init__(self, label: object) -> None:
        super().__init__(
            required=False,
            label=label,  # type: ignore[arg-type]  # a lazy translation
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": gettext_lazy("Enter a date such as 2026-01-31.")},
        )


class HistoryForm(forms.Form):
    """Everything is optional. What can't be read narrows nothing, and its error is shown beside it."""

    text = forms.CharField(required=False, max_length=200, label=gettext_lazy("Text"), widget=forms.TextInput)
    kind = forms.ChoiceField(required=False, label=gettext_lazy("Kind"))
    campaign = forms.ChoiceField(required=False, label=gettext_lazy("Campaign"))
    flag = forms.ChoiceField(required=False, label=gettext_lazy("Flag"))
    since = DayField(gettext_lazy("From"))
    until = DayField(gettext_lazy("To"))

    def __init__(self, data: Mapping[str, str], *, kinds: Choices, campaigns: Choices, flags: Choices) -> None:
        super().__init__(data)
        self.auto_id = "sought-%s"
        for name, choices in (("kind", kinds), ("campaign", campaigns), ("flag", flags)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("all")), *choices]
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "input", "aria-describedby": f"sought-{name}-error"}
        self.fields["text"].widget.attrs |= {"type": "search", "dir": "auto"}

    def sought(self) -> Sought:
        self.is_valid()
        return Sought(**{name: value for name, value in self.cleaned_data.items() if value})
