"""Who has which role. Nobody else compares the names of groups."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.people.roles.rules import Role

NAMES = frozenset(Role)
TITLES = {
    Role.REVIEWER: _("Reviewer"),
    Role.CAMPAIGN_MANAGER: _("Campaign manager"),
    Role.ML_ENGINEER: _("ML engineer"),
    Role.ADMIN: _("Admin"),
}


def role_name(role: Role) -> StrPromise:
    """In the reader's language."""
    return TITLES[role]


def roles_of(user: User | AnonymousUser) -> frozenset[Role]:
    """The roles of an account that is active; a superuser is an admin. Asked of the database once a user object."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    known: frozenset[Role] | None = getattr(user, "_concord_roles", None)
    if known is None:
        names = user.groups.values_list("name", flat=True)
        known = frozenset(Role(name) for name in names if name in NAMES)
        if user.is_superuser:
            known |= {Role.ADMIN}
        user._concord_roles = known  # type: ignore[attr-defined]  # noqa: SLF001  (as Django's _perm_cache)
    return known


def forget_roles(user: User) -> None:
    """Of this user object; others are made anew with each request."""
    for known in ("_concord_roles", "_perm_cache", "_group_perm_cache"):
        vars(user).pop(known, None)


def is_admin(user: User | AnonymousUser) -> bool:
    return Role.ADMIN in roles_of(user)


def may_review(user: User | AnonymousUser) -> bool:
    """Whether the account may review labelers' work; never its own, and a campaign manager only that of the campaigns
    that they manage (`campaigns_of`).
    """
    return bool(roles_of(user) & {Role.REVIEWER, Role.ADMIN})


def sees_every_campaign(user: User | AnonymousUser) -> bool:
    """False for campaign managers, whatever other role they have, unless they are admins."""
    roles = roles_of(user)
    return Role.ADMIN in roles or Role.CAMPAIGN_MANAGER not in roles


def managers_there_are() -> QuerySet[User]:
    """Active accounts with the role of campaign manager, by name."""
    return User.objects.filter(groups__name=Role.CAMPAIGN_MANAGER, is_active=True).order_by("username")
