"""Prompts and tasks set aside and put back: from the page of one, or for many ticked in the list."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_stubs_ext import StrOrPromise

from labeling.admin.asking import Question, ask
from labeling.admin.doors import NounAdmin
from labeling.admin.fields import ReasonForm
from labeling.refusals import Refusal
from labeling.states import IllegalMove


def ids_in(request: HttpRequest) -> list[int]:
    """What was ticked in the list, as the address carries it."""
    return [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()]


def ask_why(admin: NounAdmin, rows: QuerySet[Any], *, door: str) -> HttpResponse:
    """From ticked rows to the page that asks for one reason for all of them."""
    ids = ",".join(str(pk) for pk in rows.values_list("pk", flat=True))
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{door}"
    return HttpResponseRedirect(reverse(name, query={"ids": ids}))


def set_aside_with_reason(
    admin: NounAdmin,
    request: HttpRequest,
    rows: Sequence[Model],
    *,
    consequences: Sequence[StrOrPromise],
    back: str,
    do: Callable[[Any, str], None],
) -> HttpResponse:
    """One reason for all rows, and all of them or none."""
    names = ", ".join(str(row) for row in rows[:5]) + (" …" if len(rows) > 5 else "")

    def answer(cleaned: dict[str, Any]) -> str:
        with transaction.atomic():
            for row in rows:
                do(row, cleaned["reason"])
        return ngettext("%(count)d set aside: %(reason)s", "%(count)d set aside: %(reason)s", len(rows)) % {
            "count": len(rows),
            "reason": cleaned["reason"],
        }

    question = Question(
        title=_("Set aside: %(names)s") % {"names": names},
        consequences=consequences,
        button=_("Set aside"),
        back=back,
        about=rows,
        form=ReasonForm,
    )
    return ask(admin, request, question, answer)


def put_back(admin: NounAdmin, request: HttpRequest, rows: QuerySet[Any], *, do: Callable[[Any], object]) -> None:
    """Every ticked row for which that is possible; each refusal is said."""
    done = 0
    for row in rows:
        try:
            do(row)
        except (Refusal, IllegalMove) as refusal:
            messages.error(request, str(refusal))
        else:
            admin.log_change(request, row, _("Put back into the queue."))
            done += 1
    if done:
        said = ngettext("%(count)d put back into the queue.", "%(count)d put back into the queue.", done)
        messages.success(request, said % {"count": done})
