"""Prompts and tasks set aside and put back: from the page of one, or for many ticked in the list."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django_stubs_ext import StrOrPromise

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.model_admins import RecordAdmin, button
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.admin.ticked import ids_in, list_of, to_page_of_ticked
from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove


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
    def set_aside_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse:
        """Leads from ticked rows to the page that asks for one reason for all of them."""
        return to_page_of_ticked(self, request, ticked, button="set_aside_many")

    @admin.action(description=lazy("Put back into the queue"), permissions=["operate"])
    def put_back_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> None:
        """Puts back every ticked row for which that is possible, and shows each refusal."""
        done = 0
        for row in ticked:
            try:
                self.take_back(row)
            except (Refusal, IllegalMove) as refusal:
                messages.error(request, refusal_in_words(refusal))
            else:
                self.log_change(request, row, _("Put back into the queue."))
                done += 1
        if done:
            said = ngettext("%(count)d put back into the queue.", "%(count)d put back into the queue.", done)
            messages.success(request, said % {"count": done})

    @button(lazy("Set aside"), icon="block")
    def set_aside_many(self, request: HttpRequest) -> HttpResponse:
        rows = list(self.get_queryset(request).filter(pk__in=ids_in(request)))
        return self._confirm_setting_aside(request, rows, list_of(self))

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
