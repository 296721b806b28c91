"""Webhooks: set up, switched off, and what became of each event."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminURLInputWidget

from labeling.api.models import Webhook, WebhookDelivery
from labeling.api.services.webhooks import send_again
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import switch
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import DeliveryState, WebhookEvent


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    url = forms.URLField(
        label=lazy("Address"),
        assume_scheme="https",
        max_length=1000,
        widget=UnfoldAdminURLInputWidget(),
        help_text=lazy("Each event is posted here, signed, and tried again for three days."),
    )
    events = forms.TypedMultipleChoiceField(
        label=lazy("Events"), coerce=WebhookEvent, choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple()
    )
    active = switch(lazy("Switched on"), initial=True)

    class Meta:
        model = Webhook
        fields = ("url", "events", "active")


@admin.register(Webhook)
class WebhookAdmin(BaseAdmin):
    form = WebhookForm
    list_display = (shown("url", lazy("Address")), "show_events", shown("active", lazy("Switched on")), "outcome")
    fieldsets = ((None, {"fields": ("url", "events", "active")}),)
    add_fieldsets = fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        """Adds `waiting` and `failed`: of its deliveries."""
        found: QuerySet[Webhook] = super().get_queryset(request)
        return found.annotate(
            waiting=Count("deliveries", Q(deliveries__state=DeliveryState.WAITING)),
            failed=Count("deliveries", Q(deliveries__state=DeliveryState.FAILED)),
        )

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: Any) -> None:
        if not change:
            assert isinstance(request.user, User)  # the admin lets nobody else in
            obj.created_by = request.user
            said = _("Copy the secret now, it is not shown again. It signs every event:")
            messages.warning(request, format_html("{} <code>{}</code>", said, obj.secret))
        super().save_model(request, obj, form, change)

    @column(lazy("Events"))
    def show_events(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    @column(lazy("Deliveries"))
    def outcome(self, webhook: Any) -> str:
        words = _("%(waiting)d waiting, %(failed)d failed") % {"waiting": webhook.waiting, "failed": webhook.failed}
        address = reverse("admin:labeling_webhookdelivery_changelist", query={"webhook__id__exact": webhook.pk})
        return format_html('<a href="{}">{}</a>', address, words)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(RecordAdmin):
    list_display = (
        shown("happened_at", lazy("When")),
        shown("event", lazy("Event")),
        shown("webhook", lazy("Address")),
        "show_state",
        shown("attempts", lazy("Attempts")),
        shown("answer", lazy("Last answer")),
    )
    list_filter = (*by_choice("state", "event"), *by_relation("webhook"), *by_day("happened_at"))
    list_select_related = ("webhook",)
    list_per_page = 50
    fields = (
        "webhook", "event", "subject", "token", "happened_at", "state", "attempts", "next_try_at", "answer",
        "finished_at",
    )  # fmt: skip
    actions_detail = ("send_once_more",)

    def buttons_for(self, row: WebhookDelivery) -> Iterable[str]:
        return self.actions_detail if row.state != DeliveryState.WAITING else ()

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, delivery: WebhookDelivery) -> tuple[str, str]:
        return state_label(delivery)

    @button(lazy("Send once more"), icon="replay")
    def send_once_more(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            send_again(delivery)
            return _("It is sent within a minute.")

        confirmation = Confirmation(
            title=_("Tell %(webhook)s of this event once more?") % {"webhook": delivery.webhook},
            consequences=[_("It is a new delivery with a new webhook-id: a receiver that had the first gets both.")],
            button=_("Send once more"),
            back=self.page_of(delivery),
            about=[delivery],
        )
        return confirm(self, request, confirmation, act)
