"""What candidates say of themselves, and what reviewers say of a demonstration."""

from django import forms
from django.utils.translation import gettext_lazy as _

from labeling.base.states import SensitiveTopic
from labeling.onboarding.screening.models import HIGHEST_GRADE, LOWEST_GRADE

LONGEST_TEXT = 2000


class AboutYouForm(forms.Form):
    """All of it may stay empty: nobody has to judge what they are not at home in."""

    topics = forms.TypedMultipleChoiceField(
        coerce=SensitiveTopic, choices=SensitiveTopic.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    groups = forms.CharField(required=False, max_length=LONGEST_TEXT, widget=forms.Textarea)
    note = forms.CharField(required=False, max_length=LONGEST_TEXT, widget=forms.Textarea)


class GradeForm(forms.Form):
    grade = forms.IntegerField(
        min_value=LOWEST_GRADE,
        max_value=HIGHEST_GRADE,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), _("Choose a grade from 1 (worst) to 7 (best).")
        ),
    )
    note = forms.CharField(required=False, max_length=LONGEST_TEXT, widget=forms.Textarea)
