"""Logging in, and where that leads."""

from urllib.parse import urlsplit

from django.contrib.auth.views import LoginView as DjangoLoginView
from django.http import HttpRequest
from django.urls import reverse


class LoginView(DjangoLoginView):
    template_name = "people/login.html"
    redirect_authenticated_user = True

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:  # noqa: ARG002
        """Returns where to go after login; "" where that would be the login itself, or its end."""
        url = super().get_redirect_url()
        return "" if urlsplit(url).path in {reverse("login"), reverse("logout")} else url
