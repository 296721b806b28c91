"""What is done to an account from outside: a link to choose a new password, and wrong passwords forgotten."""

from collections.abc import Collection
from datetime import timedelta

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from labeling.people.accounts.models import FailedLogin
from labeling.people.sessions.models import AccountSession
from labeling.people.sessions.services import end_sessions_of
from labeling.people.tokens.services import revoke_tokens_of

FAILED_LOGINS_KEPT = timedelta(days=90)


def let_try_again(*, names: Collection[str | None] = (), addresses: Collection[str | None] = ()) -> None:
    """Forgets the wrong passwords and codes that log-in waits for; the record of them stays."""
    AccessAttempt.objects.filter(Q(username__in=names) | Q(ip_address__in=addresses)).delete()
    for device in (TOTPDevice, StaticDevice):  # which make whoever enters wrong codes wait longer each time
        tried = device.objects.filter(user__username__in=names)
        tried.update(throttling_failure_timestamp=None, throttling_failure_count=0)


def forget_old_failed_logins() -> None:
    """Addresses are personal data: they go after a while."""
    FailedLogin.objects.filter(attempt_time__lt=timezone.now() - FAILED_LOGINS_KEPT).delete()


def new_password_path(user: User) -> str:
    """The address at which that user chooses a new password: once, and within PASSWORD_RESET_TIMEOUT."""
    who = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("new_password", args=[who, default_token_generator.make_token(user)])


@transaction.atomic
def pseudonymise(*, user: User, name: str) -> None:
    """Closes an account for good and forgets whose it was; what it made stays, under `name`."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    let_try_again(names=[user.get_username()])
    FailedLogin.objects.filter(username=user.get_username()).delete()
    LogEntry.objects.filter(object_repr=user.get_username()).update(object_repr=name)
    user.username, user.first_name, user.last_name, user.email = name, "", "", ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    revoke_tokens_of(user)
    end_sessions_of(user)
    AccountSession.objects.filter(user=user).delete()
