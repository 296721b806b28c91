"""What a campaign of screening or practice asks for, on the campaign's page."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.base.refusals import CampaignRefused
from labeling.base.states import CampaignStage
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.stages.queries import settings_of
from labeling.onboarding.stages.services import change_stage_settings


def _percent(label: Any, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=help_text, min_value=1, max_value=100, widget=UnfoldAdminIntegerFieldWidget()
    )


class CutoffsForm(forms.Form):
    pairs_percent = _percent(lazy("Pairs in the right order, in percent"), lazy("InstructGPT: 75."))
    flags_percent = _percent(
        lazy("Flags as the researchers’, in percent"), lazy("Of those that either set, those that both set. 75.")
    )
    grade = forms.FloatField(
        label=lazy("Grade of demonstrations, of 7"),
        min_value=1,
        max_value=7,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text=lazy("The mean of all grades. InstructGPT: 6."),
    )


class PracticeForm(forms.Form):
    practice_items = forms.IntegerField(
        label=lazy("Rankings"), min_value=1, max_value=1000, widget=UnfoldAdminIntegerFieldWidget()
    )
    practice_percent = _percent(
        lazy("Pairs in the right order, in percent"), lazy("Of the last so many rankings, in this campaign.")
    )


class CampaignStages(BaseAdmin):
    def buttons_for(self, row: Campaign) -> Iterable[str]:
        of_stage = {CampaignStage.SCREENING: ["cutoffs"], CampaignStage.PRACTICE: ["end_of_practice"]}
        return [*super().buttons_for(row), *of_stage.get(CampaignStage(row.stage), [])]

    @button(lazy("Cutoffs"), icon="tune")
    def cutoffs(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequences = [
            _("The page of each candidate shows what is reached and what is not. They decide nothing: you do."),
            _("With several campaigns of screening the highest cutoffs hold."),
        ]
        return self._ask(request, object_id, CutoffsForm, _("Cutoffs of “%(campaign)s”"), consequences)

    @button(lazy("End of practice"), icon="tune")
    def end_of_practice(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequences = [
            _("Whoever has ranked so many, and of the last so many agrees as well as this, gets real work by itself."),
            _("You can end it for each labeler at any time: Admit, on their page."),
        ]
        return self._ask(request, object_id, PracticeForm, _("The end of practice in “%(campaign)s”"), consequences)

    def _ask(
        self, request: HttpRequest, object_id: str, form: type[forms.Form], title: str, consequences: list[str]
    ) -> HttpResponse:
        campaign = self.find(request, object_id)
        stored = settings_of(campaign)

        def act(cleaned: dict[str, Any]) -> str:
            try:
                change_stage_settings(campaign=campaign, **cleaned)
            except ValidationError as wrong:
                raise CampaignRefused(" ".join(wrong.messages)) from wrong
            return _("Saved.")

        confirmation = Confirmation(
            title=title % {"campaign": campaign},
            consequences=consequences,
            button=_("Save"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(form, initial={name: getattr(stored, name) for name in form.base_fields}),
        )
        return confirm(self, request, confirmation, act)
