"""Where everybody is logged in. An admin may end a session: the device is logged out with its next request."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import DropdownFilter, by_day
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.people.sessions.models import AccountSession
from labeling.people.sessions.queries import device_in_words, open_sessions
from labeling.people.sessions.services import end_sessions


class OpenFilter(DropdownFilter):
    title = lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", _("Logged in")), ("no", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        still = open_sessions().values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=still)
        return queryset.exclude(pk__in=still) if self.value() == "no" else queryset


@admin.register(AccountSession)
class AccountSessionAdmin(RecordAdmin):
    list_display = (
        shown("user", lazy("Account")),
        "device",
        shown("address", lazy("Address")),
        shown("began_at", lazy("Logged in")),
        shown("last_used_at", lazy("Last used")),
        shown("ended_at", lazy("Ended")),
    )
    list_filter = (OpenFilter, *by_day("began_at"))
    list_select_related = ("user",)
    search_fields = ("user__username", "address")
    search_help_text = lazy("A user name or an address")
    list_per_page = 50
    fields = ("user", "device", "agent", "address", "began_at", "last_used_at", "ended_at")
    readonly_fields = ("device",)
    actions = ("end_ticked",)
    actions_detail = ("end",)

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        """Whoever may change accounts may log them out."""
        return request.user.has_perm("auth.change_user")

    def buttons_for(self, row: AccountSession) -> Iterable[str]:
        return self.actions_detail if row.ended_at is None else ()

    @column(lazy("Device"))
    def device(self, row: AccountSession) -> str:
        return device_in_words(row.agent)

    @admin.action(description=lazy("Log these devices out"), permissions=["operate"])
    def end_ticked(self, request: HttpRequest, ticked: QuerySet[AccountSession]) -> None:
        ended = end_sessions(AccountSession.objects.filter(pk__in=ticked.values_list("pk", flat=True)))
        said = ngettext("%(count)d session has ended.", "%(count)d sessions have ended.", ended)
        messages.success(request, said % {"count": ended})

    @button(lazy("Log this device out"), icon="logout")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            end_sessions(AccountSession.objects.filter(pk=row.pk))
            return _("This session of %(user)s has ended.") % {"user": row.user}

        confirmation = Confirmation(
            title=_("Log %(user)s out of this device?") % {"user": row.user},
            consequences=[_("It holds from the next page on. What was saved there is kept; they may log in again.")],
            button=_("Log this device out"),
            back=self.page_of(row),
            about=[row],
        )
        return confirm(self, request, confirmation, act)
