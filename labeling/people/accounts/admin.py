"""The accounts of everybody, and wrong passwords."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_day, yes_or_no
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, ThemedAdmin, button, shown
from labeling.people.accounts.models import FailedLogin
from labeling.people.accounts.services import let_try_again, new_password_path
from labeling.people.roles.queries import NAMES, role_name, roles_of
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.people.second_factor.queries import device_of
from labeling.people.second_factor.services import reset
from labeling.people.sessions.services import end_sessions_of

admin.site.unregister(User)
admin.site.unregister(Group)


class RolesForm(forms.Form):
    roles = forms.TypedMultipleChoiceField(
        label=lazy("Roles"),
        coerce=Role,
        choices=[(role.value, role_name(role)) for role in Role],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=lazy("With a role the account may enter the admin. Without any it may not."),
    )


class UserAdmin(BaseAdmin, DjangoUserAdmin[User]):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = DjangoUserAdmin.add_fieldsets
    actions_detail: tuple[str, ...] = (
        "choose_roles", "link_to_new_password", "log_out_everywhere", "reset_second_factor",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever could change an account that may do more than their own would be that account."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request, self.get_object(request, str(object_id)) if object_id else None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        beyond = () if request.user.is_superuser else ("is_superuser", "user_permissions")
        return (*super().get_readonly_fields(request, obj), *beyond)

    def buttons_for(self, row: User) -> Iterable[str]:
        if not row.is_active:
            return ()
        unneeded = "" if device_of(row) else "reset_second_factor"
        return [name for name in super().buttons_for(row) if name != unneeded]

    @button(lazy("Roles"), icon="badge")
    def choose_roles(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            set_roles(user=user, roles=frozenset(cleaned["roles"]))
            names = ", ".join(str(role_name(role)) for role in cleaned["roles"])
            return _("The roles of %(user)s: %(roles)s.") % {"user": user, "roles": names or _("none")}

        confirmation = Confirmation(
            title=_("Which roles has %(user)s?") % {"user": user},
            consequences=[
                _("What each role may do is in docs/roles.md. It holds from the next page on."),
                _("Campaigns of a campaign manager are chosen on the campaigns' own pages, under Managers."),
            ],
            button=_("Save"),
            back=self.page_of(user),
            about=[user],
            form=partial(RolesForm, initial={"roles": roles_of(user)}),
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Log out everywhere"), icon="logout")
    def log_out_everywhere(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            ended = end_sessions_of(user)
            said = ngettext("%(user)s: %(count)d session has ended.", "%(user)s: %(count)d sessions have ended.", ended)
            return said % {"user": user, "count": ended}

        confirmation = Confirmation(
            title=_("Log %(user)s out everywhere?") % {"user": user},
            consequences=[
                _("It holds from the next page on, on every device. What was saved there is kept."),
                _("They may log in again: an account that nobody shall use is made inactive."),
            ],
            button=_("Log out everywhere"),
            back=self.page_of(user),
            about=[user],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Reset two-factor log-in"), icon="phonelink_erase")
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.find(request, object_id)
        by = request.user
        assert isinstance(by, User)  # the admin lets nobody else in

        def act(_cleaned: dict[str, Any]) -> str:
            reset(user=user, by=by)
            end_sessions_of(user)
            return _("The two-factor log-in of %(user)s is reset.") % {"user": user}

        confirmation = Confirmation(
            title=_("Reset the two-factor log-in of %(user)s?") % {"user": user},
            consequences=[
                _("Do it when you know that it is this person who asks: call them, or see them."),
                _("App and recovery codes of before open nothing any more, and every device is logged out."),
                _("With the password alone they log in, and are led to setting it up anew."),
            ],
            button=_("Reset two-factor log-in"),
            back=self.page_of(user),
            about=[user],
            danger=True,
        )
        return confirm(self, request, confirmation, act)

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
    """Groups of one's own. What the roles may do is the program's (people/roles/rules.py)."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and getattr(obj, "name", None) not in NAMES

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and getattr(obj, "name", None) not in NAMES

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one: ticked rows could be roles."""
        return {name: each for name, each in super().get_actions(request).items() if name != "delete_selected"}


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
