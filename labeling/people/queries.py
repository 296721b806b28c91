"""Queries for labelers."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from labeling.base.row_mapper import Rows, columns
from labeling.people.models import Labeler

# Every request begins with it.
ACCOUNT = Rows(account=columns(User), labeler=columns(Labeler))
FIND_USER = f"""
SELECT {ACCOUNT.sql} FROM auth_user AS account
LEFT JOIN labeling_labeler AS labeler ON labeler.user_id = account.id
WHERE account.id = %s
"""  # noqa: S608  (put together from constants)


class LabelerBackend(ModelBackend):
    """Accounts as Django has them; whoever is logged in comes with their labeler's profile, in the same query."""

    def get_user(self, user_id: int) -> User | None:
        found = ACCOUNT.first(FIND_USER, [user_id])
        if found is None:
            return None
        user, labeler = found
        if labeler.pk is not None:
            user.labeler, labeler.user = labeler, user
        return user if self.user_can_authenticate(user) else None


def labeler_of(user: User | AnonymousUser) -> Labeler | None:
    # Django raises an AttributeError of its own where there is no such row.
    return getattr(user, "labeler", None) if user.is_authenticated else None


def zone_of(labeler: Labeler) -> ZoneInfo:
    return ZoneInfo(labeler.time_zone or "UTC")


def beginning_of_today(labeler: Labeler) -> datetime:
    """Midnight where the labeler lives."""
    return timezone.localtime(timezone=zone_of(labeler)).replace(hour=0, minute=0, second=0, microsecond=0)
