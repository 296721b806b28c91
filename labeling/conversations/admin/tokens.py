"""On the page of an API token: whether what its program says may be kept, and its withdrawal."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.model_admins import BaseAdmin, button, column
from labeling.conversations.queries import consent_of_program
from labeling.conversations.services.consent import record_agreement
from labeling.conversations.services.withdrawing import withdraw
from labeling.people.tokens.models import ApiToken

BUTTONS = ("agree", "agree_no_more", "withdraw_kept")


class ProgramConsent(BaseAdmin):
    """Only admins record what somebody agreed to: a manager's own program has nobody else's word for it."""

    def has_consent_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perm("labeling.add_consent")

    def buttons_for(self, row: ApiToken) -> Iterable[str]:
        others = [name for name in super().buttons_for(row) if name not in BUTTONS]
        consent = consent_of_program(row)
        agreed = consent is not None and consent.agreed
        offered = ["agree_no_more"] if agreed else ["agree"] if row.works() else []
        kept = row.user.served_conversations.filter(source="api").exists()
        return [*others, *offered, *(["withdraw_kept"] if kept else [])]

    @column(lazy("Conversations may be kept"))
    def consent_shown(self, token: ApiToken) -> str:
        consent = consent_of_program(token)
        if consent is None:
            return _("No: nobody agreed to it.")
        said = _("Yes") if consent.agreed else _("No")
        return format_html("{} ({:%Y-%m-%d}, {}): {}", said, consent.said_at, consent.said_by, consent.agreement)

    @button(lazy("Record consent"), icon="how_to_reg", permission="consent")
    def agree(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._record(request, object_id, agreed=True)

    @button(lazy("End consent"), icon="do_not_disturb_on", permission="consent")
    def agree_no_more(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._record(request, object_id, agreed=False)

    def _record(self, request: HttpRequest, object_id: str, *, agreed: bool) -> HttpResponse:
        token = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            record_agreement(token=token, agreed=agreed, agreement=cleaned["reason"], by=cast("User", request.user))
            return _("Consent is recorded.") if agreed else _("Consent is ended.")

        yes = [
            _("What this program says and is answered is kept from now on, unless a request says store: false."),
            _("A share of it becomes prompts, which labelers read and models learn from. Write down who agreed to "
              "that, when, and where it is written."),
        ]  # fmt: skip
        no = [_("Nothing more of it is kept. What is kept already stays until it is withdrawn.")]
        confirmation = Confirmation(
            title=_("Record consent for %(token)s?") % {"token": token}
            if agreed
            else _("End consent for %(token)s?") % {"token": token},
            consequences=yes if agreed else no,
            button=_("Record consent") if agreed else _("End consent"),
            back=self.page_of(token),
            about=[token],
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Withdraw what is kept"), icon="delete", permission="consent")
    def withdraw_kept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        token = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            theirs = token.user.served_conversations.filter(source="api").values_list("pk", flat=True)
            done = withdraw(user=token.user, by=cast("User", request.user), conversations=list(theirs))
            return _("%(count)d conversations are withdrawn. Models that saw them: %(models)s.") % {
                "count": done.conversations,
                "models": ", ".join(done.models_that_saw) or _("none"),
            }

        confirmation = Confirmation(
            title=_("Withdraw what is kept of %(account)s?") % {"account": token.user},
            consequences=[
                _(
                    "All that programs of this account said is deleted, with the prompts that nobody worked on. The "
                    "others are handed out no more and are in no later snapshot."
                ),
                _("Snapshots and models that are there stay as they are; the withdrawal names them."),
            ],
            button=_("Withdraw"),
            back=self.page_of(token),
            about=[token],
            danger=True,
        )
        return confirm(self, request, confirmation, act)
