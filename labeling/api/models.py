import secrets
import uuid
from base64 import b64encode

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import DeliveryState, WebhookEvent


class IdempotentRequest(models.Model):
    """What was answered to a request that carried an Idempotency-Key: the same again is answered the same, undone."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of method, address and body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty while it is being answered.")
    answer = models.JSONField(null=True)
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotent_request_once")]

    def __str__(self) -> str:
        return self.key


def new_secret() -> str:
    """As the Standard Webhooks specification writes one."""
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


class Webhook(models.Model):
    """An address that is told of events, as the Standard Webhooks specification says (standardwebhooks.com)."""

    url = models.URLField(max_length=1000, validators=[URLValidator(schemes=["http", "https"])])
    events = ArrayField(models.CharField(max_length=32, choices=WebhookEvent.choices))
    secret = models.CharField(max_length=64, default=new_secret, editable=False)
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(events__contained_by=[event.value for event in WebhookEvent], events__len__gt=0),
                name="webhook_events_known",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(StatefulModel):
    """One event for one webhook, written by a trigger with what happened (migration 0002): no door forgets it."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The same in every attempt.")
    event = models.CharField(max_length=32, choices=WebhookEvent.choices)
    subject = models.BigIntegerField(help_text="The id of what the event is about: a ranking, a snapshot, a run …")
    happened_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    answer = models.CharField(max_length=300, blank=True, help_text="What the last attempt came to.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [one_of("state", DeliveryState, name="webhook_delivery_state_known")]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="webhook_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}"
