from axes.models import AccessFailureLog
from django.utils.translation import gettext_lazy as _


class FailedLogin(AccessFailureLog):  # type: ignore[misc]  # axes is not typed
    """A wrong password: whose name, from where, and whether log-in waited by then. Kept by django-axes."""

    class Meta:
        proxy = True
        app_label = "labeling"
        verbose_name = _("failed log-in")
        verbose_name_plural = _("failed log-ins")

    def __str__(self) -> str:
        return f"{self.username} · {self.ip_address} · {self.attempt_time:%Y-%m-%d %H:%M}"
