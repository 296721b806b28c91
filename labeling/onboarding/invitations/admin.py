"""Invitations: links made, shown once, listed and withdrawn."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import SearchableList, choice, text
from labeling.base.admin.filters import by_choice
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.states import LabelerGroup, LabelerState
from labeling.campaigns.managers.queries import campaigns_of
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.invitations.models import BEGINS_IN, LABELER, Invitation
from labeling.onboarding.invitations.services import (
    ADMITS,
    GIVES_ROLES,
    Invited,
    make_invitation,
    withdraw_invitation,
)
from labeling.people.roles.queries import sees_every_campaign
from labeling.people.roles.rules import Role

ROLES = {
    LABELER: lazy("Labeler"),
    Role.REVIEWER: lazy("Reviewer"),
    Role.CAMPAIGN_MANAGER: lazy("Campaign manager"),
    Role.ML_ENGINEER: lazy("ML engineer"),
    Role.ADMIN: lazy("Admin"),
}
MOST_AT_ONCE = 100
MOST_DAYS = 90


class InvitationForm(forms.Form):
    role = choice(lazy("Role"), [], initial=LABELER)
    begins_in = choice(
        lazy("Begins in"),
        [],
        initial=LabelerState.SCREENING,
        help_text=lazy("Of labelers: active ones get real work at once. For staff it says nothing."),
    )
    group = choice(
        lazy("Group"),
        LabelerGroup.choices,
        initial=LabelerGroup.TRAINING,
        help_text=lazy("Held-out labelers produce no training data; models are compared on their work."),
    )
    campaigns = forms.ModelMultipleChoiceField(
        queryset=Campaign.objects.none(),
        required=False,
        label=lazy("Campaigns"),
        widget=SearchableList(),
        help_text=lazy(
            "Campaign managers manage these. Labelers choose among their languages, and their real work comes first; "
            "what they are screened by follows from stage and language. Empty: all that are not closed."
        ),
    )
    note = text(lazy("For whom"), required=False, max_length=200, help_text=lazy("To tell it by in the list."))
    count = forms.IntegerField(
        label=lazy("How many"),
        initial=1,
        min_value=1,
        max_value=MOST_AT_ONCE,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=lazy("Each is for one person."),
    )
    days = forms.IntegerField(
        label=lazy("Open for so many days"),
        initial=7,
        min_value=1,
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def __init__(self, by: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles, stages, campaigns = (self.fields[name] for name in ("role", "begins_in", "campaigns"))
        assert isinstance(roles, forms.ChoiceField)
        assert isinstance(stages, forms.ChoiceField)
        assert isinstance(campaigns, forms.ModelMultipleChoiceField)
        gives_roles = by.has_perm(GIVES_ROLES)
        roles.choices = [(role, word) for role, word in ROLES.items() if gives_roles or role == LABELER]
        admits = by.has_perm(ADMITS)
        stages.choices = [(each, each.label) for each in BEGINS_IN if admits or each == LabelerState.SCREENING]
        campaigns.queryset = campaigns_of(by).order_by("name")


@admin.register(Invitation)
class InvitationAdmin(RecordAdmin):
    list_display = (
        "name",
        "role_word",
        "show_state",
        "begins",
        shown("made_by", lazy("Made by")),
        shown("made_at", lazy("Made")),
        shown("expires_at", lazy("Expires")),
        "account",
    )
    list_filter = by_choice("begins_in")
    list_select_related = ("made_by", "used_by")
    search_fields = ("note", "used_by__username", "made_by__username")
    search_help_text = lazy("For whom, or an account")
    fields = (
        "name",
        "role_word",
        "show_word",
        "begins",
        "for_campaigns",
        "made_by",
        "made_at",
        "expires_at",
        "account",
    )
    readonly_fields = fields
    actions_list = ("invite",)
    actions_detail = ("withdraw",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """A campaign manager sees the invitations that they made."""
        found: QuerySet[Invitation] = super().get_queryset(request)
        return found if sees_every_campaign(request.user) else found.filter(made_by=request.user.pk)

    def buttons_for(self, row: Invitation) -> Iterable[str]:
        return () if row.used_at or row.withdrawn_at else self.actions_detail

    @column(lazy("For whom"), ordering="note")
    def name(self, invitation: Invitation) -> str:
        return invitation.note or f"#{invitation.pk}"

    @column(lazy("Role"), ordering="role")
    def role_word(self, invitation: Invitation) -> str:
        return str(ROLES[invitation.role])

    @column(lazy("Begins in"), ordering="begins_in")
    def begins(self, invitation: Invitation) -> str:
        return str(invitation.get_begins_in_display()) if invitation.role == LABELER else "–"

    @column(lazy("Campaigns"))
    def for_campaigns(self, invitation: Invitation) -> str:
        return ", ".join(invitation.campaigns.values_list("name", flat=True)) or "–"

    @column(lazy("State"), label={"open": "primary", "used": "success", "withdrawn": "danger", "expired": "default"})
    def show_state(self, invitation: Invitation) -> tuple[str, str]:
        words = {"used": _("Used"), "withdrawn": _("Withdrawn"), "expired": _("Expired")}
        why = invitation.why_gone
        return (why, words[why]) if why else ("open", _("Open"))

    @column(lazy("State"))
    def show_word(self, invitation: Invitation) -> str:
        return self.show_state(invitation)[1]

    @column(lazy("Account"))
    def account(self, invitation: Invitation) -> str:
        if invitation.used_by is None:
            return "–"
        if invitation.role == LABELER and invitation.begins_in == LabelerState.SCREENING:
            return _("made")  # whose it is would tell whoever decides who the candidates are
        link = reverse("admin:auth_user_change", args=[invitation.used_by_id])
        return format_html('<a href="{}">{}</a>', link, invitation.used_by)

    @button(lazy("Invite"), icon="person_add", primary=True)
    def invite(self, request: HttpRequest) -> HttpResponse:
        by = request.user
        assert isinstance(by, User)  # who may press it

        def act(cleaned: dict[str, Any]) -> str:
            links = _made(request, by, cleaned)
            shown_links = format_html_join("", "<br><code>{}</code>", ((link,) for link in links))
            # Shown once, to whoever made them, and not in what the history keeps.
            said = _("Send each to one person only. They are not shown again:")
            messages.warning(request, format_html("{}{}", said, shown_links))
            return ngettext("%(count)d invitation was made.", "%(count)d invitations were made.", len(links)) % {
                "count": len(links)
            }

        confirmation = Confirmation(
            title=_("Invite people"),
            consequences=[
                _("Whoever has a link makes one account with it, once, until it expires or you withdraw it."),
                _("The link is shown once: Concord keeps only what it takes to know it again."),
            ],
            button=_("Make the links"),
            back=reverse("admin:labeling_invitation_changelist"),
            form=partial(InvitationForm, by),
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Withdraw"), icon="block")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invitation = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            withdraw_invitation(invitation)
            return _("The invitation is withdrawn.")

        confirmation = Confirmation(
            title=_("Withdraw this invitation?"),
            consequences=[_("Its link opens nothing from now on, and says so kindly. It can't be taken back.")],
            button=_("Withdraw"),
            back=self.page_of(invitation),
            about=[invitation],
            danger=True,
        )
        return confirm(self, request, confirmation, act)


@transaction.atomic
def _made(request: HttpRequest, by: User, cleaned: dict[str, Any]) -> list[str]:
    """The links of so many invitations as were asked for, or none at all."""
    invited = Invited(
        role=cleaned["role"],
        begins_in=LabelerState(cleaned["begins_in"]),
        group=LabelerGroup(cleaned["group"]),
        campaigns=list(cleaned["campaigns"]),
        note=cleaned["note"],
    )
    expires_at = timezone.now() + timedelta(days=cleaned["days"])
    secrets = [make_invitation(invited=invited, expires_at=expires_at, by=by)[1] for _ in range(cleaned["count"])]
    return [request.build_absolute_uri(reverse("join", args=[secret])) for secret in secrets]
