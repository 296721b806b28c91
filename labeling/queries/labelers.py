"""Labelers looked up."""

from django.contrib.auth.models import AnonymousUser, User

from labeling.models import Labeler


def labeler_of(user: User | AnonymousUser) -> Labeler | None:
    return Labeler.objects.filter(user=user).first() if user.is_authenticated else None
