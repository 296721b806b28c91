"""Suspending a labeler: what becomes of the work that they hold, and of the labels that they have given."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, long_text
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.base.states import LabelerState, legal_moves
from labeling.exports.admin.exclusions import beginning_of
from labeling.exports.queries import exclusion_of
from labeling.exports.services.suspending import suspend_and_decide

LABELS = [
    ("keep", lazy("Keep them: they go on being trained and measured on")),
    ("leave_out", lazy("Leave them out of training; they can be taken in again")),
]


class SuspendForm(forms.Form):
    held_work_hours = forms.IntegerField(
        label=lazy("Hours in which held work may still be submitted"),
        help_text=lazy("0: what is held goes back to the queue at once. Drafts are kept."),
        min_value=0,
        max_value=24 * 7,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    labels = choice(lazy("Labels given so far"), LABELS, initial="keep")
    since = forms.DateField(
        label=lazy("Leave out from this day on"),
        required=False,
        help_text=lazy("What was handed in from the beginning of that day. Empty: everything."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    reason = long_text(
        lazy("Reason"),
        rows=2,
        required=False,
        help_text=lazy("Needed where labels are left out."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("labels") == "leave_out" and not (cleaned.get("reason") or "").strip():
            self.add_error("reason", _("Say why the labels are left out."))
        if cleaned.get("labels") == "keep" and cleaned.get("since"):
            self.add_error("since", _("A day is only for labels that are left out."))
        return cleaned


class Suspending(BaseAdmin):
    def buttons_for(self, row: Any) -> Iterable[str]:
        can_suspend = LabelerState.SUSPENDED in legal_moves(LabelerState(row.state))
        others = (name for name in super().buttons_for(row) if name != "suspend")
        return [*others, *(["suspend"] if can_suspend else [])]

    @button(lazy("Suspend"), icon="person_off")
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        labeler = self.find(request, object_id)
        named = {"labeler": labeler, "count": labeler.held}

        def act(cleaned: dict[str, Any]) -> str:
            suspend_and_decide(
                labeler=labeler,
                held_work_for=timedelta(hours=cleaned["held_work_hours"]),
                leave_labels_out=cleaned["labels"] == "leave_out",
                since=beginning_of(cleaned),
                reason=cleaned["reason"],
                by=request.user,  # type: ignore[arg-type]  # whoever may press it
            )
            labeler.state = LabelerState.SUSPENDED
            said = _("%(labeler)s is now in the state “%(state)s”.") % {
                "labeler": labeler,
                "state": labeler.get_state_display(),
            }
            return f"{said} {cleaned['reason'].strip()}".strip()

        consequences = [
            _("%(labeler)s is offered no work any more. Everything handed in stays, is paid, and is never deleted.")
            % named,
            ngettext("%(count)d piece of work is held now.", "%(count)d pieces of work are held now.", labeler.held)
            % named,
        ]
        if exclusion_of(labeler) is not None:
            consequences.append(_("Their labels are left out of training already."))
        confirmation = Confirmation(
            title=_("Suspend %(labeler)s?") % named,
            consequences=consequences,
            button=_("Suspend"),
            back=self.page_of(labeler),
            about=[labeler],
            form=SuspendForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)
