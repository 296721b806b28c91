"""The page between a button and what it does: what will happen, in words, and a form where something must be said.

GET asks, POST does. A refusal comes back onto the page with everything that was typed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django_stubs_ext import StrOrPromise

from labeling.base.admin.model_admins import BaseAdmin
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove

Act = Callable[[dict[str, Any]], str]
"""Does it with the form's cleaned data and says, in one sentence, what was done."""


class NothingToFill(forms.Form):
    """An empty form, for an action that needs no input."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """`consequences` are paragraphs; `about` are the rows whose history keeps what was done."""

    title: StrOrPromise
    consequences: Sequence[StrOrPromise]
    button: StrOrPromise
    back: str
    about: Sequence[Model] = ()
    form: Callable[..., forms.BaseForm] = field(default=NothingToFill)
    danger: bool = False
    notes: str = ""
    """A template with more to read between the consequences and the form."""


def confirm(admin: BaseAdmin, request: HttpRequest, confirmation: Confirmation, act: Act) -> HttpResponse:
    """Renders the confirmation, or does what `act` does and goes back with a message."""
    form = confirmation.form(request.POST, request.FILES) if request.method == "POST" else confirmation.form()
    if request.method == "POST" and form.is_valid():
        try:
            said = act(form.cleaned_data)
        except (Refusal, IllegalMove) as refusal:
            form.add_error(None, refusal_in_words(refusal))
        else:
            for row in confirmation.about:
                admin.log_change(request, row, said)
            messages.success(request, said)
            return HttpResponseRedirect(confirmation.back)
    context = admin.admin_site.each_context(request) | {
        "title": confirmation.title,
        "confirmation": confirmation,
        "form": form,
        "opts": admin.opts,
        "multipart": form.is_multipart(),
    }
    return TemplateResponse(request, "base/admin/confirmation.html", context, status=422 if form.errors else 200)
