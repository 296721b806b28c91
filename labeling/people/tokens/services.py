"""Tokens of programs: made, found by what was sent, revoked."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.utils import timezone

from labeling.base.refusals import TokenRefused
from labeling.base.states import ApiScope
from labeling.people.tokens.models import ApiToken

PREFIX = "concord_"
"""By this, scanners for leaked secrets know one."""
BEGINNING = len(PREFIX) + 6
USED_EVERY = timedelta(minutes=1)
"""When it was last used is written no more often: every request would otherwise be a write."""


def make_token(
    *,
    user: User,
    name: str,
    scopes: Sequence[ApiScope],
    expires_at: datetime | None = None,
    tokens_per_day: int | None = None,
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which nobody can find out again. `tokens_per_day`: of the policy; None: what the
    setting says. Raises TokenRefused."""
    if not user.is_active:
        raise TokenRefused(f"The account {user} is not active, so a token of it would open nothing.")
    if expires_at is not None and expires_at <= timezone.now():
        raise TokenRefused("It would expire before it is used. Give a time to come, or none.")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=name,
        beginning=secret[:BEGINNING],
        digest=digest_of(secret),
        scopes=scopes,
        expires_at=expires_at,
        tokens_per_day=tokens_per_day,
    )
    return row, secret


def find_token(secret: str) -> ApiToken | None:
    """The token that was sent, with its user, if both still open anything; notes that it was used."""
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    return token if token is not None and use_token(token) else None


def use_token(token: ApiToken) -> bool:
    """Returns whether the token and its account still open anything; notes that it was used."""
    if not token.works() or not token.user.is_active:
        return False
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return True


def revoke_token(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def revoke_tokens_of(user: User) -> None:
    ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())


def digest_of(secret: str) -> str:
    """A token is random and long, so that a plain digest can't be searched; it is looked up by it."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
