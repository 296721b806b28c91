"""Who is logged in, with their labeler's profile, in one query by SQL of our own: every request begins with it."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from labeling.base.fast_paths.rows import Rows, columns

ACCOUNT = Rows(
    """
    SELECT {columns} FROM auth_user AS account
    LEFT JOIN labeling_labeler AS labeler ON labeler.user_id = account.id
    WHERE account.id = %s
    """,
    account=columns("auth.User"),
    labeler=columns("labeling.Labeler"),
)


class AccountBackend(ModelBackend):
    """Accounts as Django has them, but for how they are read."""

    def get_user(self, user_id: int) -> User | None:
        found = ACCOUNT.first([user_id])
        if found is None:
            return None
        user: User
        user, labeler = found
        if labeler.pk is not None:
            user.labeler, labeler.user = labeler, user
        return user if self.user_can_authenticate(user) else None
