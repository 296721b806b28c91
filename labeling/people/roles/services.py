"""The groups of the roles, as the rules say."""

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from labeling.people.roles.queries import NAMES, forget_roles
from labeling.people.roles.rules import Role, permissions_of


@transaction.atomic
def make_roles() -> None:
    """Makes the group of each role, with the permissions that the rules name; what others are in them goes. Each
    `migrate` calls it, so that new objects reach the roles.
    """
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission.pk
        for permission in Permission.objects.select_related("content_type")
    }
    through = Group.permissions.through
    for role in Role:
        group, _made = Group.objects.get_or_create(name=role)
        wanted = set(known) if role == Role.ADMIN else permissions_of(role) & set(known)
        wanted_ids = {known[name] for name in wanted}
        now = set(through.objects.filter(group=group).values_list("permission_id", flat=True))
        if gone := now - wanted_ids:
            through.objects.filter(group=group, permission__in=gone).delete()
        through.objects.bulk_create(
            through(group_id=group.pk, permission_id=permission) for permission in sorted(wanted_ids - now)
        )


@transaction.atomic
def set_roles(*, user: User, roles: frozenset[Role]) -> None:
    """These roles and no others, from the next request on; with one the account is staff, which opens the admin.

    Groups that are no role stay.
    """
    user.groups.remove(*Group.objects.filter(name__in=NAMES - roles))
    user.groups.add(*Group.objects.filter(name__in=roles))
    forget_roles(user)
    is_staff = bool(roles) or user.is_superuser
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
