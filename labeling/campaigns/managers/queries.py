"""Which campaigns somebody of the staff sees and changes."""

from typing import TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, Q, QuerySet

from labeling.campaigns.models.campaigns import Campaign
from labeling.people.roles.queries import sees_every_campaign

Row = TypeVar("Row", bound=Model)


def campaigns_of(user: User | AnonymousUser) -> QuerySet[Campaign]:
    """The campaigns that the account sees: those that a campaign manager manages, and all for everybody else. Says
    nothing about what they may do with them: that is for permissions.
    """
    if sees_every_campaign(user):
        return Campaign.objects.all()
    return Campaign.objects.filter(managers=user.pk)


def within_campaigns_of(user: User | AnonymousUser, rows: QuerySet[Row], *paths: str) -> QuerySet[Row]:
    """Those of the rows with a campaign that the account sees. Each path leads from a row to campaigns, such as
    task__campaign; a row that several lead from needs one of them.
    """
    if sees_every_campaign(user):
        return rows
    own = campaigns_of(user).values("pk")
    found = Q()
    for path in paths:
        found |= Q(**{f"{path}__in": own})
    # A subquery, for a path to many (a labeler's work) would otherwise give a row several times.
    return rows.filter(pk__in=rows.model._base_manager.filter(found).values("pk"))  # noqa: SLF001
