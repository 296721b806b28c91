"""Labelers looked up."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User

from labeling.models import Labeler


class LabelerBackend(ModelBackend):
    """Accounts as Django has them; whoever is logged in comes with their labeler's profile, in the same query."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("labeler").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


def labeler_of(user: User | AnonymousUser) -> Labeler | None:
    # Django raises an AttributeError of its own where there is no such row.
    return getattr(user, "labeler", None) if user.is_authenticated else None
