"""Programs that use the API: an account with permissions, a token with scopes."""

from collections.abc import Sequence

from django.contrib.auth.models import Permission, User
from django.test import Client

from labeling.base.states import ApiScope
from labeling.people.tokens.services import make_token

PERMISSIONS = (
    "view_campaign", "view_prompt", "add_prompt", "view_snapshot", "add_snapshot", "view_modelversion",
    "view_trainingrun", "view_policyrun", "view_evaluation", "view_labeler", "change_labeler", "view_skill",
    "add_scoringrequest", "view_webhook", "add_webhook", "change_webhook", "delete_webhook",
)  # fmt: skip


def make_account(name: str = "petra", permissions: Sequence[str] = PERMISSIONS) -> User:
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions, content_type__app_label="labeling"))
    return user


def token_of(user: User, scopes: Sequence[ApiScope] = tuple(ApiScope)) -> str:
    return make_token(user=user, name="test", scopes=list(scopes))[1]


def program_of(user: User, scopes: Sequence[ApiScope] = tuple(ApiScope)) -> Client:
    return Client(headers={"authorization": f"Bearer {token_of(user, scopes)}"}, raise_request_exception=False)
