"""What a campaign pays, for its page."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.dataclasses import UnfoldAction

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import BaseAdmin, button, column
from labeling.campaigns.models.campaigns import Campaign
from labeling.pay.forms import TERMS_LABELS, TermsForm
from labeling.pay.models import PayTerms
from labeling.pay.queries.terms import terms_now
from labeling.pay.services import set_pay_terms
from labeling.pay.views.words import terms_in_words

TERMS = "labeling.add_payterms"
PAY = ((lazy("Pay"), {"fields": ("pay",)}),)


class CampaignPay(BaseAdmin):
    def buttons_for(self, row: Campaign) -> Iterable[str]:
        offered = [name for name in super().buttons_for(row) if name != "set_pay"]
        return offered if row.simulated else [*offered, "set_pay"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """What is paid is for those to say who may write terms of pay, not for everybody who runs a campaign."""
        every = super().get_actions_detail(request, object_id)
        return every if request.user.has_perm(TERMS) else [each for each in every if "set_pay" not in each.action_name]

    @column(lazy("Pay"))
    def pay(self, campaign: Campaign) -> str:
        if campaign.simulated:
            return _("Simulated labelers earn nothing.")
        every = PayTerms.objects.filter(campaign=campaign).order_by("-begins_on", "-id")
        if not every:
            return _("Nothing is paid for its work yet.")
        lines = ((date_format(terms.begins_on), terms_in_words(terms)) for terms in every)
        return format_html('<dl class="cc-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", lines))

    @button(lazy("What it pays"), icon="payments")
    def set_pay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(TERMS):
            raise PermissionDenied
        campaign = self.find(request, object_id)
        today = timezone.now().date()
        now = terms_now(campaign.pk, today=today)
        initial = {name: getattr(now, name) for name in TERMS_LABELS} if now else {}

        def act(cleaned: dict[str, Any]) -> str:
            terms = set_pay_terms(campaign=campaign, by=request.user, **cleaned)  # type: ignore[arg-type]
            return _("From %(day)s on “%(campaign)s” pays: %(terms)s.") % {
                "day": date_format(terms.begins_on),
                "campaign": campaign,
                "terms": terms_in_words(terms),
            }

        confirmation = Confirmation(
            title=_("What does “%(campaign)s” pay?") % {"campaign": campaign},
            consequences=[
                _("Active time and pieces of work may both be paid; what is 0 is not."),
                _("Work of earlier days is paid as it was agreed then, and periods that are frozen stay as they are."),
            ],
            button=_("Save"),
            back=self.page_of(campaign),
            about=[campaign],
            form=partial(TermsForm, initial=initial | {"begins_on": today}),
        )
        return confirm(self, request, confirmation, act)
