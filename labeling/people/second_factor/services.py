"""The second factor of an account: set up with an authenticator app (RFC 6238), used, replaced, taken away.

django-otp keeps the app's secret and the recovery codes. Its own pages need sessions that are logged in already; here
nobody is logged in before the second factor (views/log_in.py).
"""

from binascii import unhexlify

from django.contrib.auth.models import User
from django.db import transaction
from django_otp import verify_token
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from labeling.base.refusals import SecondFactorRefused
from labeling.people.second_factor.queries import must_have_one

RECOVERY_CODES = 10
DIGITS = 6
"""What an app shows; recovery codes are longer."""
TOLERANCE = 1
"""Steps of 30 seconds by which the clock of an app may be off (RFC 6238 §5.2)."""


def code_in(typed: str) -> str:
    """Apps show 123 456; recovery codes are letters and digits."""
    return "".join(typed.split()).lower()


def check_code(user: User, typed: str) -> Device | None:
    """The app or the recovery codes that the code is of, which is used up; None: of neither, or tried too often.

    Only what it looks like is asked: each wrong code makes a device wait longer, and six digits are no recovery code.
    """
    code = code_in(typed)
    kind = TOTPDevice if code.isdigit() and len(code) == DIGITS else StaticDevice
    device = kind.objects.filter(user=user, confirmed=True).order_by("pk").first()
    found: Device | None = verify_token(user, device.persistent_id, code) if device else None
    return found


@transaction.atomic
def set_up(*, user: User, key: str, code: str) -> list[str]:
    """Binds an app to the account, whose secret is `key` (hexadecimal), and returns new recovery codes.

    What the account had before is gone. Raises SecondFactorRefused: the code is not of that app now.
    """
    totp = TOTP(unhexlify(key))
    typed = code_in(code)
    if not typed.isascii() or not typed.isdigit() or not totp.verify(int(typed), TOLERANCE):
        raise SecondFactorRefused("This is not the code that the app shows now. Check that the phone's clock is right.")
    TOTPDevice.objects.filter(user=user).delete()
    TOTPDevice.objects.create(user=user, name="app", key=key, confirmed=True, last_t=totp.t())
    return make_recovery_codes(user)


@transaction.atomic
def make_recovery_codes(user: User) -> list[str]:
    """New ones; those of before open nothing any more."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes", confirmed=True)
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@transaction.atomic
def take_away(user: User) -> None:
    """The account logs in with its password alone. Raises SecondFactorRefused: it must have a second factor."""
    if must_have_one(user):
        raise SecondFactorRefused("Staff must have a second factor here. Set up the new app instead of the old one.")
    _delete(user)


@transaction.atomic
def reset(*, user: User, by: User) -> None:
    """After a device was lost: whoever resets it is somebody else, who knows the person. Raises SecondFactorRefused."""
    if user.pk == by.pk:
        raise SecondFactorRefused("Nobody resets their own: another admin does, who knows that it is you.")
    _delete(user)


def _delete(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
