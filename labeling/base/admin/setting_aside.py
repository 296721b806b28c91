"""Prompts and tasks set aside and put back: from the page of one, or for many ticked in the list."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django_stubs_ext import StrOrPromise

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.model_admins import RecordAdmin, button
from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove
from labeling.base.text import whole_number


class SetAsideAdmin(RecordAdmin):
    """A noun that can be set aside. Whoever inherits says what that means and which services do it."""

    actions = ("set_aside_ticked", "put_back_ticked")
    actions_list = ("set_aside_many",)
    actions_detail: Sequence[str | dict[str, Any]] = ("set_aside", "restore")
    consequences: Sequence[StrOrPromise] = ()

    def put_aside(self, row: Any, *, reason: str) -> None:
        """The service. Raises Refusal or IllegalMove."""
        raise NotImplementedError

    def take_back(self, row: Any) -> str:
        """The service; returns what then is, in words. Raises Refusal or IllegalMove."""
        raise NotImplementedError

    def restoring(self, row: Any) -> tuple[str, Sequence[StrOrPromise]]:
        """The confirmation before a row is put back, and what follows from it."""
        raise NotImplementedError

    def get_actions_list(self, request: HttpRequest) -> list[Any]:  # noqa: ARG002
        return []  # set_aside_many is only reached from ticked rows

    @admin.action(description=lazy("Set aside …"), permissions=["operate"])
    def set_aside_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse:  # noqa: ARG002
        """Leads from ticked rows to the page that asks for one reason for all of them."""
        ids = ",".join(str(pk) for pk in ticked.values_list("pk", flat=True))
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_set_aside_many"
        return HttpResponseRedirect(reverse(name, query={"ids": ids}))

    @admin.action(description=lazy("Put back into the queue"), permissions=["operate"])
    def put_back_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> None:
        """Puts back every ticked row for which that is possible, and shows each refusal."""
        done = 0
        for row in ticked:
            try:
                self.take_back(row)
            except (Refusal, IllegalMove) as refusal:
                messages.error(request, str(refusal))
            else:
                self.log_change(request, row, _("Put back into the queue."))
                done += 1
        if done:
            said = ngettext("%(count)d put back into the queue.", "%(count)d put back into the queue.", done)
            messages.success(request, said % {"count": done})

    @button(lazy("Set aside"), icon="block")
    def set_aside_many(self, request: HttpRequest) -> HttpResponse:
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return self._confirm_setting_aside(
            request, list(self.get_queryset(request).filter(pk__in=ids_in(request))), back
        )

    @button(lazy("Set aside"), icon="block")
    def set_aside(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        return self._confirm_setting_aside(request, [row], self.page_of(row))

    @button(lazy("Put back into the queue"), icon="undo", primary=True)
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        title, consequences = self.restoring(row)
        confirmation = Confirmation(
            title=title, consequences=consequences, button=_("Put back"), back=self.page_of(row), about=[row]
        )
        return confirm(self, request, confirmation, lambda _cleaned: self.take_back(row))

    def _confirm_setting_aside(self, request: HttpRequest, rows: Sequence[Model], back: str) -> HttpResponse:
        """One reason for all rows, and all of them or none."""
        names = ", ".join(str(row) for row in rows[:5]) + (" …" if len(rows) > 5 else "")

        def act(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                for row in rows:
                    self.put_aside(row, reason=cleaned["reason"])
            return ngettext("%(count)d set aside: %(reason)s", "%(count)d set aside: %(reason)s", len(rows)) % {
                "count": len(rows),
                "reason": cleaned["reason"],
            }

        confirmation = Confirmation(
            title=_("Set aside: %(names)s") % {"names": names},
            consequences=self.consequences,
            button=_("Set aside"),
            back=back,
            about=rows,
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)


def ids_in(request: HttpRequest) -> list[int]:
    """Returns the ids of the rows ticked in the list, which the address carries."""
    numbers = (whole_number(part, highest=2**63 - 1) for part in request.GET.get("ids", "").split(","))
    return [number for number in numbers if number is not None]
