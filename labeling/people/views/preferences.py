"""What labelers choose for themselves."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from labeling.base.states import ContentWarning
from labeling.base.time_zones import named_time_zones
from labeling.base.trail.actors import acting_as
from labeling.people.services import BREAK_MINUTES_HIGHEST, change_preferences
from labeling.people.views.access import LabelerRequest, labeler_page


class PreferencesForm(forms.Form):
    time_zone = forms.ChoiceField(required=False)
    break_minutes = forms.IntegerField(
        min_value=0,
        max_value=BREAK_MINUTES_HIGHEST,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), gettext_lazy("Enter a number from 0 to 240.")
        ),
    )
    opt_outs = forms.TypedMultipleChoiceField(
        coerce=ContentWarning, choices=ContentWarning.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("UTC")), *named_time_zones()]


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def preferences(request: LabelerRequest) -> HttpResponse:
    if request.method != "POST":
        labeler = request.labeler
        now = {name: getattr(labeler, name) for name in ("time_zone", "break_minutes", "opt_outs")}
        return _page(request, PreferencesForm(initial=now), status=200)
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    with acting_as(request.labeler.user.get_username()):
        change_preferences(labeler=request.labeler, **form.cleaned_data)
    messages.success(request, _("Your preferences are saved."))
    return redirect("preferences")


def _page(request: LabelerRequest, form: PreferencesForm, *, status: int) -> HttpResponse:
    return render(request, "people/preferences.html", {"form": form}, status=status)
