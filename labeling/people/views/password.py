"""Choosing a new password: with the old one, or by a link that an admin made."""

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache


@method_decorator(never_cache, name="dispatch")
class ChangePasswordView(PasswordChangeView):
    """Everywhere else that they are logged in they are logged out; here they stay."""

    template_name = "people/password.html"
    success_url = reverse_lazy("overview")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, _("Your password is changed. On other devices you log in anew."))
        return super().form_valid(form)


class NewPasswordView(PasswordResetConfirmView):
    """The page of the link. A link that was used, or is too old, says so."""

    template_name = "people/password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        messages.success(self.request, _("Your new password is set. Log in with it."))
        return super().form_valid(form)
