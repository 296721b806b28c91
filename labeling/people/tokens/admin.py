"""API tokens: made with scopes and an end, shown once, revoked."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import text
from labeling.base.admin.model_admins import BaseAdmin, button, column, shown
from labeling.base.states import ApiScope
from labeling.people.tokens.models import ApiToken
from labeling.people.tokens.services import make_token, revoke_token


def accounts_for(user: User | AnonymousUser) -> QuerySet[User]:
    """For whose programs somebody makes tokens: of every account if they may change accounts, otherwise of their own.
    A token does what its account may, so that one of another account would be more than they are.
    """
    everybody = User.objects.filter(is_active=True).order_by("username")
    return everybody if user.has_perm("auth.change_user") else everybody.filter(pk__in=[user.pk])


class NewTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    user = forms.ModelChoiceField(
        label=lazy("Account"),
        queryset=User.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        help_text=lazy("The token may do what this account may do, within the scopes. Never a labeler's."),
    )
    name = text(lazy("Name"), max_length=100, help_text=lazy("What uses it, such as: nightly import."))
    scopes = forms.TypedMultipleChoiceField(
        label=lazy("Scopes"), coerce=ApiScope, choices=ApiScope.choices, widget=forms.CheckboxSelectMultiple()
    )
    expires_at = forms.SplitDateTimeField(
        label=lazy("Expires"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text=lazy("Empty: never. UTC."),
    )
    tokens_per_day = forms.IntegerField(
        label=lazy("Tokens a day"),
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=lazy("Tokens that it may read and write in a day; 0: no limit. Empty: SERVING_TOKENS_PER_DAY."),
    )

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scopes", "expires_at", "tokens_per_day")


class ApiTokenAdmin(BaseAdmin):
    list_display = (
        shown("name", lazy("Name")),
        shown("beginning", lazy("Begins with")),
        shown("user", lazy("Account")),
        "show_scopes",
        "show_state",
        shown("expires_at", lazy("Expires")),
        shown("last_used_at", lazy("Last used")),
    )
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "beginning")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("user", "name", "beginning", "show_scopes", "state_word", "created_at", "expires_at",
                           "tokens_per_day", "last_used_at")}),
    )  # fmt: skip
    change_form_template = "base/admin/record.html"
    add_form_template = "admin/change_form.html"
    add_fieldsets = ((None, {"fields": ("user", "name", "scopes", "expires_at", "tokens_per_day")}),)
    actions_detail: Sequence[str] = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        found: QuerySet[ApiToken] = super().get_queryset(request)
        return found if request.user.has_perm("auth.change_user") else found.filter(user=request.user.pk)

    def get_form(self, request: HttpRequest, obj: ApiToken | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs | ({} if obj else {"form": NewTokenForm}))
        if obj is None:  # a class made for this request
            accounts = form.base_fields["user"]
            assert isinstance(accounts, forms.ModelChoiceField)
            accounts.queryset, accounts.initial = accounts_for(request.user), request.user.pk
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return [name for _title, options in self.fieldsets for name in options["fields"]] if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: Any) -> None:
        if change:
            return  # nothing of it can be changed: it is revoked, and another is made
        made, secret = make_token(**{name: form.cleaned_data[name] for name in NewTokenForm.Meta.fields})
        obj.pk, obj.beginning = made.pk, made.beginning
        said = _("Copy the token now; it is not shown again:")
        messages.warning(request, format_html("{} <code>{}</code>", said, secret))

    def buttons_for(self, row: ApiToken) -> Iterable[str]:
        return super().buttons_for(row) if row.works() else ()

    @column(lazy("Scopes"))
    def show_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @column(lazy("State"), label={"works": "success", "revoked": "danger", "expired": "default"})
    def show_state(self, token: ApiToken) -> tuple[str, str]:
        if token.revoked_at:
            return "revoked", _("Revoked")
        return ("works", _("Works")) if token.works() else ("expired", _("Expired"))

    @column(lazy("State"))
    def state_word(self, token: ApiToken) -> str:
        return self.show_state(token)[1]

    @button(lazy("Revoke"), icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        token = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            revoke_token(token)
            return _("The token %(token)s is revoked.") % {"token": token}

        confirmation = Confirmation(
            title=_("Revoke the token %(token)s?") % {"token": token},
            consequences=[_("Whatever uses it is refused from the next request on. It can't be taken back.")],
            button=_("Revoke"),
            back=self.page_of(token),
            about=[token],
            danger=True,
        )
        return confirm(self, request, confirmation, act)
