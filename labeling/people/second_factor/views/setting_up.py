"""One's own second factor: an authenticator app bound by a QR code, recovery codes, and the way back."""

from base64 import b32encode
from binascii import unhexlify

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import login as verified_with
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from labeling.base.refusals import SecondFactorRefused
from labeling.people.second_factor.queries import device_of, must_have_one, recovery_codes_left
from labeling.people.second_factor.services import check_code, make_recovery_codes, set_up, take_away
from labeling.people.sessions.services import end_sessions_of, own_id

KEY = "second_factor_key"
"""In the session while an app is being bound: the secret that the QR code shows."""
MOVING = "second_factor_moving"
"""In the session while the app is moved to another phone; until that shows the right code the old one stays."""
CODES = "recovery_codes"
"""In the session until the next page shows them, once."""


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def two_factor(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)  # login_required
    if request.method != "POST":
        return _page(request, user)
    what, code = request.POST.get("what", ""), request.POST.get("code", "")[:64]
    wrong = _("This code is not right, or was used already. Wait for the app's next one.")
    if what == "set_up":
        try:
            return _set_up(request, user, code)
        except SecondFactorRefused:
            return _page(request, user, error=wrong, status=422)
    if device_of(user) is None:
        return redirect("two_factor")
    if check_code(user, code) is None:
        return _page(request, user, error=wrong, status=422)
    return _change(request, user, what)


def _set_up(request: HttpRequest, user: User, code: str) -> HttpResponse:
    """Binds the app that scanned the picture. Raises SecondFactorRefused."""
    if KEY not in request.session:
        return redirect("two_factor")  # pressed twice, or in another tab
    codes = set_up(user=user, key=request.session[KEY], code=code)
    del request.session[KEY]
    request.session.pop(MOVING, None)
    # Whoever is logged in elsewhere did so with a password alone, or with the phone of before.
    end_sessions_of(user, but=own_id(request))
    verified_with(request, device_of(user))
    return _with_codes(request, codes, _("From now on log-in asks for a code of your app as well."))


def _change(request: HttpRequest, user: User, what: str) -> HttpResponse:
    """After a code of the app, or a recovery code: the app's place moves to another phone, or ends."""
    if what == "codes":
        return _with_codes(request, make_recovery_codes(user), _("The recovery codes of before open nothing any more."))
    if what == "move":
        request.session[MOVING] = True
    if what == "take_away":
        try:
            take_away(user)
        except SecondFactorRefused:
            return _page(
                request, user, error=_("Staff need it here; it can only be moved to another phone."), status=422
            )
        messages.success(request, _("Log-in asks for your password alone."))
    return redirect("two_factor")


def _with_codes(request: HttpRequest, codes: list[str], said: str) -> HttpResponse:
    request.session[CODES] = codes
    messages.success(request, said)
    return redirect("two_factor")


def _page(request: HttpRequest, user: User, *, error: str = "", status: int = 200) -> HttpResponse:
    device = device_of(user)
    moving = device is not None and request.session.get(MOVING, False)
    context = {
        "device": None if moving else device,
        "moving": moving,
        "error": error,
        "codes": request.session.pop(CODES, None),
        "codes_left": recovery_codes_left(user),
        "required": must_have_one(user),
    }
    if device is None or moving:
        key = request.session.setdefault(KEY, random_hex(20))
        context |= {"qr_code": _qr_code(user, key), "secret": _in_groups(b32encode(unhexlify(key)).decode())}
    return render(request, "people/second_factor/two_factor.html", context, status=status)


def _qr_code(user: User, key: str) -> SafeString:
    """Drawn here, so that the secret goes nowhere else. White around it, as cameras want it, also on a dark page."""
    address = TOTPDevice(user=user, key=key).config_url
    return mark_safe(segno.make(address, error="m").svg_inline(scale=5, dark="#000", light="#fff"))  # noqa: S308


def _in_groups(secret: str) -> str:
    """Four by four, as people type it."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
