from typing import Any, TypedDict, cast

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


class ToldModel(TypedDict):
    """One model of a server's: `Told` of sampler/server/shelf.py."""

    state: str
    aliases: list[str]
    in_flight: int
    cache_bytes: int
    cache_limit_bytes: int


class ServerReport(models.Model):
    """What our server of language models said of itself last, or that it did not: pages read it, and never wait."""

    address = models.CharField(max_length=500, unique=True)
    answers = models.BooleanField()
    told: models.JSONField[dict[str, dict[str, Any]]] = models.JSONField(
        default=dict, help_text="Of each model, by name: Told of sampler/server/shelf.py."
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("report of a model server")
        verbose_name_plural = _("reports of model servers")
        ordering = ["address"]

    def __str__(self) -> str:
        return self.address

    @property
    def on_it(self) -> dict[str, ToldModel]:
        """Its models, by name. A server of another version may say less of them than is asked for here."""
        nothing = ToldModel(state="loading", aliases=[], in_flight=0, cache_bytes=0, cache_limit_bytes=0)
        return {name: cast("ToldModel", {**nothing, **told}) for name, told in self.told.items()}
