"""Alerts as they came and went, and silences."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget

from labeling.alerts.models import Incident, Silence
from labeling.alerts.queries.notices import words_of
from labeling.alerts.services.watch import end_silence
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import long_text
from labeling.base.admin.filters import by_choice, by_day
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.states import AlertKind

LONGEST = timedelta(days=30)
"""Whoever silenced something for ever has forgotten it."""


@admin.register(Incident)
class IncidentAdmin(RecordAdmin):
    list_display = (
        "show_text",
        shown("kind", lazy("Kind")),
        shown("opened_at", lazy("Since")),
        "show_told",
        "show_closed",
    )
    list_filter = (*by_choice("kind"), *by_day("opened_at"))
    list_per_page = 50
    fields = ("kind", "show_text", "show_detail", "opened_at", "told_at", "emailed_at", "closed_at", "link")
    readonly_fields = ("show_text", "show_detail")

    @column(lazy("What"))
    def show_text(self, incident: Incident) -> str:
        return words_of(incident)["text"]

    @column(lazy("Details"))
    def show_detail(self, incident: Incident) -> str:
        return words_of(incident)["detail"]

    @column(lazy("Told"))
    def show_told(self, incident: Incident) -> str:
        if incident.told_at is None:
            return _("to nobody")
        return date_format(localtime(incident.told_at), "SHORT_DATETIME_FORMAT")

    @column(lazy("Over"))
    def show_closed(self, incident: Incident) -> str:
        if incident.closed_at is None:
            return _("it lasts")
        return date_format(localtime(incident.closed_at), "SHORT_DATETIME_FORMAT")


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    kind = forms.ChoiceField(label=lazy("Kind"), choices=AlertKind.choices, widget=UnfoldAdminSelectWidget())
    until = forms.SplitDateTimeField(label=lazy("Until"), widget=UnfoldAdminSplitDateTimeWidget())
    reason = long_text(lazy("Reason"), rows=2, required=False)

    class Meta:
        model = Silence
        fields = ("kind", "until", "reason")

    def clean_until(self) -> Any:
        until, now = self.cleaned_data["until"], timezone.now()
        if until <= now:
            raise ValidationError(_("This is over already. Give a time to come."))
        if until > now + LONGEST:
            raise ValidationError(
                _("Give a time within %(days)d days. A silence for ever is forgotten.") % {"days": LONGEST.days}
            )
        return until


@admin.register(Silence)
class SilenceAdmin(BaseAdmin):
    form = SilenceForm
    list_display = (
        shown("kind", lazy("Kind")),
        shown("until", lazy("Until")),
        shown("reason", lazy("Reason")),
        shown("created_by", lazy("Made by")),
    )
    list_select_related = ("created_by",)
    list_filter = by_choice("kind")
    fieldsets = ((None, {"fields": ("kind", "until", "reason")}),)
    add_fieldsets = fieldsets
    actions_detail = ("end_now",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Until this time tomorrow, and the kind that the address names."""
        return super().get_changeform_initial_data(request) | {"until": timezone.now() + timedelta(days=1)}

    def save_model(self, request: HttpRequest, obj: Silence, form: Any, change: Any) -> None:
        if not change:
            assert isinstance(request.user, User)  # the admin lets nobody else in
            obj.created_by = request.user
        super().save_model(request, obj, form, change)

    @button(lazy("End now"), icon="notifications_active")
    def end_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        silence = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            end_silence(silence)
            return _("Alerts of this kind are told again.")

        confirmation = Confirmation(
            title=_("End the silence of “%(kind)s” now?") % {"kind": silence.get_kind_display()},
            consequences=[_("What lasts and was told to nobody is told within a minute.")],
            button=_("End now"),
            back=self.page_of(silence),
            about=[silence],
        )
        return confirm(self, request, confirmation, act)

    def buttons_for(self, row: Silence) -> tuple[str, ...]:
        return ("end_now",) if row.until > timezone.now() else ()
