"""Queries for labelers."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from labeling.people.models import Labeler


def labeler_of(user: User | AnonymousUser) -> Labeler | None:
    # Django raises an AttributeError of its own where there is no such row.
    return getattr(user, "labeler", None) if user.is_authenticated else None


def zone_of(labeler: Labeler) -> ZoneInfo:
    return ZoneInfo(labeler.time_zone or "UTC")


def beginning_of_today(labeler: Labeler) -> datetime:
    """Midnight where the labeler lives."""
    return timezone.localtime(timezone=zone_of(labeler)).replace(hour=0, minute=0, second=0, microsecond=0)
