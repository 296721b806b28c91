"""Closing a campaign, which gives back the work that is held, for the campaign's page."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.base.states import AssignmentState, CampaignState, legal_moves
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.services.leases import close_campaign


class ClosingForm(forms.Form):
    held_work_hours = forms.IntegerField(
        label=lazy("Hours in which held work may still be submitted"),
        help_text=lazy("0: what is held goes back at once. Dialogues, chats and own prompts that were begun count."),
        min_value=0,
        max_value=24 * 60,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget(),
    )


class CampaignClosing(BaseAdmin):
    def buttons_for(self, row: Campaign) -> Iterable[str]:
        can_close = CampaignState.CLOSED in legal_moves(CampaignState(row.state))
        return [*super().buttons_for(row), *(["close"] if can_close else [])]

    @button(lazy("Close"), icon="stop")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.find(request, object_id)
        held = campaign.assignments.filter(state=AssignmentState.OPEN).count()

        def act(cleaned: dict[str, Any]) -> str:
            close_campaign(campaign=campaign, held_work_for=timedelta(hours=cleaned["held_work_hours"]))
            return _("“%(campaign)s” is closed.") % {"campaign": campaign}

        confirmation = Confirmation(
            title=_("Close “%(campaign)s”?") % {"campaign": campaign},
            consequences=[
                _("No work is handed out or taken any more. Closed campaigns can be reopened, paused at first."),
                ngettext(
                    "%(count)d piece of work is held now. Its labeler is told, and the draft is kept.",
                    "%(count)d pieces of work are held now. Their labelers are told, and the drafts are kept.",
                    held,
                )
                % {"count": held},
            ],
            button=_("Close"),
            back=self.page_of(campaign),
            about=[campaign],
            form=ClosingForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)
