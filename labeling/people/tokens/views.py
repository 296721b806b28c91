"""Who a program is: by the token in its request, and what that token is for."""

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from labeling.base.states import ApiScope
from labeling.people.tokens.models import ApiToken
from labeling.people.tokens.services import find_token

SCHEMES = ("bearer", "token")


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer concord_…`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _space, secret = str(request.headers.get("Authorization", "")).partition(" ")
        if scheme.lower() not in SCHEMES:
            return None
        token = find_token(secret.strip())
        if token is None:
            raise AuthenticationFailed(
                "This token is not known, was revoked or has expired. An admin can make another."
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return 'Bearer realm="Concord"'


def may(request: Request, scope: ApiScope, permission: str) -> bool:
    """Whether the account has the permission, and the token, where one was sent, the scope."""
    user: User | AnonymousUser = request.user
    in_scope = not isinstance(request.auth, ApiToken) or scope in request.auth.scopes
    return in_scope and user.has_perm(permission)
