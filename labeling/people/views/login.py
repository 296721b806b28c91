"""Logging in, and where that leads."""

from urllib.parse import urlsplit

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView as DjangoLoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.people.second_factor.queries import device_of
from labeling.people.second_factor.views.log_in import ask_for_code


class LoginView(DjangoLoginView):
    template_name = "people/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """The admin sends everybody here whom it does not let in: also those who are logged in already."""
        wanted = super().get_redirect_url()
        if request.user.is_authenticated and wanted.startswith(reverse("admin:index")) and not request.user.is_staff:
            return _for_staff_alone(request)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if device_of(user) is not None:
            return ask_for_code(self.request, user, then=self.get_success_url())
        return super().form_valid(form)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:  # noqa: ARG002
        """Returns where to go after login; "" where that would be the login itself, or its end."""
        url = super().get_redirect_url()
        return "" if urlsplit(url).path in {reverse("login"), reverse("logout")} else url


def _for_staff_alone(request: HttpRequest) -> HttpResponse:
    actions = [
        Action(label=_("To your start page"), url=reverse("overview")),
        Action(label=_("Log out"), url=reverse("logout"), posts=True),
    ]
    text = _("Your account has no role there. If it should have one, ask an admin; or log in with another account.")
    page = Interruption(title=_("The admin is for staff"), text=text, icon="pause", actions=actions)
    return show_interruption(request, page, status=403)
