"""Which campaigns somebody of the staff sees and changes."""

from typing import TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, QuerySet

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


def within_campaigns_of(user: User | AnonymousUser, rows: QuerySet[Row], path: str) -> QuerySet[Row]:
    """Those of the rows whose campaign the account sees. `path` leads from a row to its campaign: task__campaign."""
    if sees_every_campaign(user):
        return rows
    return rows.filter(**{f"{path}__in": campaigns_of(user).values("pk")})
