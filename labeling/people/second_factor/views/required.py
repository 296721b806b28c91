"""Staff do nothing before their second factor where REQUIRE_TWO_FACTOR says so."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from labeling.people.second_factor.queries import device_of, must_have_one


class SecondFactorMiddleware:
    """Programs with a token of their own are no sessions and pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.open_to_all = {reverse(name) for name in ("two_factor", "logout", "favicon", "set_language")}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_TWO_FACTOR or request.path in self.open_to_all:
            return self.get_response(request)
        user = request.user
        if not user.is_authenticated or not must_have_one(user):
            return self.get_response(request)
        if user.is_verified():  # type: ignore[attr-defined]  # of django-otp's middleware
            return self.get_response(request)
        return _turn_away(request, user)


def _turn_away(request: HttpRequest, user: User) -> HttpResponse:
    if request.path.startswith("/api/"):
        said = f"Staff need a second factor here: set one up at {reverse('two_factor')}, or use an API token."
        problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": said}
        return JsonResponse(problem, status=403, content_type="application/problem+json")
    if device_of(user) is None:
        return HttpResponseRedirect(reverse("two_factor"))
    logout(request)  # a session from before there was one
    back = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': back})}")
