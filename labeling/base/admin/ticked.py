"""Ticked rows of a list that something must be said of first: their ids are in the address of the page that asks."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.base.admin.model_admins import BaseAdmin
from labeling.base.text import whole_number

MOST_TICKED = 300
"""At once: their ids must fit into an address of 4,000 characters, which is what gunicorn takes."""


def to_page_of_ticked(
    model_admin: BaseAdmin, request: HttpRequest, ticked: QuerySet[Any], *, button: str
) -> HttpResponse:
    """Leads to the model's page `button`, or says that too many are ticked."""
    ids = list(ticked.order_by("pk").values_list("pk", flat=True)[: MOST_TICKED + 1])
    if len(ids) > MOST_TICKED:
        said = _("More than %(most)d rows are ticked. Filter the list, or tick fewer.")
        messages.error(request, said % {"most": MOST_TICKED})
        return HttpResponseRedirect(request.get_full_path())
    name = f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_{button}"
    return HttpResponseRedirect(reverse(name, query={"ids": ",".join(map(str, ids))}))


def list_of(model_admin: BaseAdmin) -> str:
    """The address of the model's list."""
    return reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist")


def ids_in(request: HttpRequest) -> list[int]:
    """Returns the ids of the rows ticked in the list, which the address carries."""
    numbers = (whole_number(part, highest=2**63 - 1) for part in request.GET.get("ids", "").split(","))
    return [number for number in numbers if number is not None]
