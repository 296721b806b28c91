"""Deleting an account: what has left work behind is closed and pseudonymised instead."""

from typing import Any

from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import User
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import button
from labeling.desk.services.accounts import close_account
from labeling.people.accounts.admin import UserAdmin


class AccountsWithWork(UserAdmin):
    actions_detail = (*UserAdmin.actions_detail, "close_and_pseudonymise")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("auth.delete_user") and self.has_change_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one: whether an account can be deleted depends on what it left behind."""
        return {name: each for name, each in super().get_actions(request).items() if name != "delete_selected"}

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own page where nothing hangs on the account; otherwise what can be done instead."""
        user = self.get_object(request, object_id)
        if user is None or not _has_work(user) or not self.has_delete_permission(request, user):
            return super().delete_view(request, object_id, extra_context)
        reason = _("%(user)s can't be deleted: rankings, texts or records of this account would lose their author.")
        return self._close(request, user, [reason % {"user": user}])

    @button(lazy("Close and pseudonymise"), icon="person_remove")
    def close_and_pseudonymise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._close(request, self.find(request, object_id), [])

    def _close(self, request: HttpRequest, user: User, because: list[str]) -> HttpResponse:
        by = request.user
        assert isinstance(by, User)  # the admin lets nobody else in

        def act(_cleaned: dict[str, Any]) -> str:
            name = close_account(user=user, by=by)
            return _("The account is closed and is called %(name)s from now on.") % {"name": name}

        confirmation = Confirmation(
            title=_("Close the account of %(user)s for good?") % {"user": user},
            consequences=[
                *because,
                _("It can't log in any more, its API tokens are revoked, and what it holds goes back to the queue."),
                _("User name, names and e-mail address are replaced by a pseudonym. This can't be taken back."),
                _("Everything handed in stays, also in snapshots, where the person was never named."),
            ],
            button=_("Close and pseudonymise"),
            back=self.page_of(user),
            about=[user],
            danger=True,
        )
        return confirm(self, request, confirmation, act)


def _has_work(user: User) -> bool:
    """Whether a row that must stay points at the account."""
    found = NestedObjects(using=router.db_for_write(User))
    found.collect([user])
    return bool(found.protected)
