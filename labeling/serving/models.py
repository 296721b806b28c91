from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.people.tokens.models import ApiToken


class ChatUsage(models.Model):
    """What one program (an API token) asked of the policy on one day (UTC): counted as each answer ends, or is left."""

    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT, related_name="chat_usage")
    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0, help_text="Read: each request's prompt once.")
    completion_tokens = models.PositiveBigIntegerField(default=0, help_text="Written, of all choices.")

    class Meta:
        verbose_name = _("usage by a program")
        verbose_name_plural = _("usage by programs")
        ordering = ["-day", "token"]
        constraints = [models.UniqueConstraint(fields=["token", "day"], name="chat_usage_one_per_token_and_day")]

    def __str__(self) -> str:
        return f"{self.token}, {self.day}"

    @property
    def tokens(self) -> int:
        return int(self.prompt_tokens + self.completion_tokens)
