from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LabelingConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "labeling"
    verbose_name = _("Labeling")

    def ready(self) -> None:
        """Has later capabilities hear of what an earlier one does, which may not import them."""
        from labeling.desk.ranking.services import WHEN_HANDED_IN  # noqa: PLC0415  (models are loaded by now)
        from labeling.quality.agreement.services.counting import count_agreement  # noqa: PLC0415

        WHEN_HANDED_IN.append(count_agreement)
        # After Django made the permissions, which it does at the same signal: a migration is too early for them.
        post_migrate.connect(_make_roles, sender=self)
        # At these signals, because code logs in as well as the page.
        from labeling.people.sessions.services import when_logged_in, when_logged_out  # noqa: PLC0415

        user_logged_in.connect(when_logged_in)
        user_logged_out.connect(when_logged_out)


def _make_roles(**_: Any) -> None:
    from labeling.people.roles.services import make_roles  # noqa: PLC0415  (needs the models)

    make_roles()
