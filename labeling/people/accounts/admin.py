"""The accounts of everybody, and wrong passwords."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_day, yes_or_no
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, ThemedAdmin, button, shown
from labeling.people.accounts.models import FailedLogin
from labeling.people.accounts.services import let_try_again, new_password_path

admin.site.unregister(User)
admin.site.unregister(Group)


class UserAdmin(BaseAdmin, DjangoUserAdmin[User]):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = DjangoUserAdmin.add_fieldsets
    actions_detail: tuple[str, ...] = ("link_to_new_password",)

    def buttons_for(self, row: User) -> Iterable[str]:
        return super().buttons_for(row) if row.is_active else ()

    @button(lazy("Link for a new password"), icon="key")
    def link_to_new_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            let_try_again(names=[user.get_username()])
            # Shown once, to whoever made it, and not in what the history keeps.
            address = request.build_absolute_uri(new_password_path(user))
            messages.warning(request, format_html("{} <code>{}</code>", _("Send this to them:"), address))
            return _("A link for a new password was made for %(user)s.") % {"user": user}

        confirmation = Confirmation(
            title=_("Make a link with which %(user)s chooses a new password?") % {"user": user},
            consequences=[
                _("Whoever has the link can set the password of this account: send it to this person only."),
                _("It works once, for three days, and no longer once they logged in."),
            ],
            button=_("Make the link"),
            back=self.page_of(user),
            about=[user],
        )
        return confirm(self, request, confirmation, act)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ThemedAdmin):
    pass


@admin.register(FailedLogin)
class FailedLoginAdmin(RecordAdmin):
    list_display = (
        shown("attempt_time", lazy("When")),
        shown("username", lazy("Username")),
        shown("ip_address", lazy("Address")),
        shown("locked_out", lazy("Log-in waits")),
        shown("path_info", lazy("Page")),
    )
    list_filter = (*yes_or_no("locked_out"), *by_day("attempt_time"))
    search_fields = ("username", "ip_address")
    search_help_text = lazy("A user name or an address")
    list_per_page = 50
    fields = ("attempt_time", "username", "ip_address", "locked_out", "path_info", "user_agent")
    actions = ("let_try_again",)

    @admin.action(description=lazy("Let these names and addresses try again now"), permissions=["operate"])
    def let_try_again(self, request: HttpRequest, ticked: QuerySet[FailedLogin]) -> None:
        names, addresses = zip(*ticked.values_list("username", "ip_address"), strict=True)
        let_try_again(names=names, addresses=addresses)
        for row in ticked:
            self.log_change(request, row, _("May try again."))
        messages.success(request, _("They may try again at once."))

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        """Whoever may change accounts may let somebody try again."""
        return request.user.has_perm("auth.change_user")
