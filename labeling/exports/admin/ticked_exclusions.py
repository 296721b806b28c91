"""Labels that are ticked in their list are left out of training, or taken in again, for one reason."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.model_admins import button
from labeling.base.admin.ticked import ids_in, list_of, to_page_of_ticked
from labeling.exports.admin.exclusions import CONSEQUENCES, NO_SNAPSHOT, TAKEN_IN, LeavingOut, user_of
from labeling.exports.queries import exclusion_of
from labeling.exports.services.exclusions import leave_out, take_in


class LeavingOutTicked(LeavingOut):
    """The same for many rows that are ticked in the list, with one reason for all."""

    actions = ("leave_out_ticked", "take_in_ticked")
    actions_list = ("leave_out_many", "take_in_many")

    def get_actions_list(self, request: HttpRequest) -> list[Any]:  # noqa: ARG002
        return []  # both are only reached from ticked rows

    @admin.action(description=lazy("Leave out of training …"), permissions=["operate"])
    def leave_out_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse:
        return to_page_of_ticked(self, request, ticked, button="leave_out_many")

    @admin.action(description=lazy("Take in again …"), permissions=["operate"])
    def take_in_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse:
        return to_page_of_ticked(self, request, ticked, button="take_in_many")

    @button(lazy("Leave out of training"), icon="block")
    def leave_out_many(self, request: HttpRequest) -> HttpResponse:
        rows = self._ticked(request)

        @transaction.atomic
        def act(cleaned: dict[str, Any]) -> str:
            # Of two revisions of one piece of work the first takes the other along.
            done = [
                leave_out(target=row, reason=cleaned["reason"], by=user_of(request))
                for row in rows
                if exclusion_of(row) is None
            ]
            said = _("Left out of training: %(count)d. Were left out already: %(others)d.")
            return said % {"count": len(done), "others": len(rows) - len(done)}

        confirmation = Confirmation(
            title=_("Leave %(what)s out of training?") % {"what": _names_of(rows)},
            consequences=[CONSEQUENCES[str(self.opts.model_name)], NO_SNAPSHOT],
            button=_("Leave out"),
            back=list_of(self),
            about=rows,
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Take in again"), icon="undo")
    def take_in_many(self, request: HttpRequest) -> HttpResponse:
        rows = self._ticked(request)

        @transaction.atomic
        def act(cleaned: dict[str, Any]) -> str:
            done = 0
            for row in rows:
                if (exclusion := exclusion_of(row)) is not None:
                    take_in(exclusion=exclusion, reason=cleaned["reason"], by=user_of(request))
                    done += 1
            said = _("Taken in again: %(count)d. Were not left out by themselves: %(others)d.")
            return said % {"count": done, "others": len(rows) - done}

        confirmation = Confirmation(
            title=_("Take %(what)s in again?") % {"what": _names_of(rows)},
            consequences=[TAKEN_IN],
            button=_("Take in again"),
            back=list_of(self),
            about=rows,
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)

    def _ticked(self, request: HttpRequest) -> list[Any]:
        rows = list(self.get_queryset(request).filter(pk__in=ids_in(request)).order_by("pk"))
        if not rows:
            raise Http404
        return rows


def _names_of(rows: Sequence[Model]) -> str:
    return ", ".join(str(row) for row in rows[:5]) + (" …" if len(rows) > 5 else "")
