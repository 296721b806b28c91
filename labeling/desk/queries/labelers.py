"""Whom of the labelers somebody of the staff sees."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.people.models import Labeler

WORKED_FOR = ("assignments__campaign", "compositions__campaign")
"""From a labeler to the campaigns that they worked for."""


def labelers_of(user: User | AnonymousUser) -> QuerySet[Labeler]:
    """Those who worked for a campaign that the account sees: a campaign manager's campaigns, or any and none."""
    return within_campaigns_of(user, Labeler.objects.select_related("user"), *WORKED_FOR)
