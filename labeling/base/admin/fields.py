"""Form fields with the theme's widgets, and texts that admins write by interface language."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from labeling.base.language import named_languages


class SearchableList(UnfoldAdminSelect2MultipleWidget):  # type: ignore[misc]  # the theme has no types
    """Several of many, found by their words."""

    class Media:
        js = ("unfold/js/select2.init.js", "base/admin/searchable-lists.js")  # in this order


def text(
    label: StrOrPromise, *, help_text: StrOrPromise = "", required: bool = True, **options: Any
) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=required, widget=UnfoldAdminTextInputWidget(), **options
    )


def password(label: StrOrPromise, *, help_text: StrOrPromise = "") -> forms.CharField:
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, help_text=help_text, strip=False, widget=widget)


def long_text(
    label: StrOrPromise, *, help_text: StrOrPromise = "", required: bool = True, rows: int = 4
) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return forms.CharField(label=label, help_text=help_text, required=required, widget=widget)


def choice(
    label: StrOrPromise,
    choices: Any,
    *,
    help_text: StrOrPromise = "",
    initial: Any = None,
    required: bool = True,
) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=choices,
        help_text=help_text,
        initial=initial,
        required=required,
        widget=UnfoldAdminSelectWidget(),
    )


def switch(label: StrOrPromise, *, help_text: StrOrPromise = "", initial: bool = False) -> forms.BooleanField:
    return forms.BooleanField(
        label=label, help_text=help_text, initial=initial, required=False, widget=UnfoldBooleanSwitchWidget()
    )


def languages(*, help_text: StrOrPromise) -> forms.MultipleChoiceField:
    """Several of the languages that there are, found by their names."""
    return forms.MultipleChoiceField(
        label=_("Languages"),
        help_text=help_text,
        choices=named_languages,
        initial=["en", "zh"],
        widget=SearchableList(),
    )


def several(
    label: StrOrPromise, choices: Any, *, help_text: StrOrPromise = "", required: bool = False
) -> forms.MultipleChoiceField:
    """Several of the choices, found by their words."""
    return forms.MultipleChoiceField(
        label=label,
        choices=choices,
        help_text=help_text,
        required=required,
        widget=SearchableList(),
    )


class ReasonForm(forms.Form):
    reason = long_text(_("Reason"), rows=2)
