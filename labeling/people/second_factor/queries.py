"""Whether an account has a second factor, and whether it must."""

from django.conf import settings
from django.contrib.auth.models import User
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice


def device_of(user: User) -> TOTPDevice | None:
    """The authenticator app that the account logs in with."""
    found: TOTPDevice | None = TOTPDevice.objects.filter(user=user, confirmed=True).order_by("pk").first()
    return found


def recovery_codes_left(user: User) -> int:
    return int(StaticToken.objects.filter(device__user=user, device__confirmed=True).count())


def must_have_one(user: User) -> bool:
    """Staff, where REQUIRE_TWO_FACTOR says so."""
    return bool(settings.REQUIRE_TWO_FACTOR and user.is_staff)
