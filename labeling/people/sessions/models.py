from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_AGENT = 400


class AccountSession(models.Model):
    """One log-in on one device, from its beginning to its end. Django's session of that key holds the log-in itself."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="account_sessions")
    session_key = models.CharField(max_length=40, editable=False)
    address = models.GenericIPAddressField(null=True, editable=False)
    agent = models.CharField(max_length=LONGEST_AGENT, editable=False, help_text="What the browser calls itself.")
    began_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, editable=False, help_text="Logged out, or ended by somebody.")

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-last_used_at"]
        indexes = [
            models.Index(fields=["session_key"], name="account_session_key"),
            models.Index(fields=["last_used_at"], name="account_session_last_used"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.began_at:%Y-%m-%d %H:%M}"
