"""Invitations: made, withdrawn, and used once to make an account."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.base.refusals import InvitationGone, InvitationRefused, LabelerRefused
from labeling.base.states import CampaignStage, LabelerGroup, LabelerState
from labeling.campaigns.managers.queries import campaigns_of
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.invitations.models import BEGINS_IN, LABELER, Invitation
from labeling.onboarding.screening.services import number_candidate
from labeling.people.models import Labeler
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.people.services import create_labeler

GIVES_ROLES = "auth.change_user"
"""The permission of those who give accounts a role, by an invitation as on the account's page."""
ADMITS = "labeling.change_labeler"
"""The permission of those who let labelers past the screening."""


@dataclass(frozen=True, kw_only=True)
class Invited:
    """What somebody is invited to. `begins_in` and `group` are of labelers alone."""

    role: str = LABELER
    begins_in: LabelerState = LabelerState.SCREENING
    group: LabelerGroup = LabelerGroup.TRAINING
    campaigns: Sequence[Campaign] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """What the invited person says of themselves. `time_zone`: empty for UTC."""

    username: str
    password: str
    languages: Sequence[str] = ()
    time_zone: str = ""


@transaction.atomic
def make_invitation(*, invited: Invited, expires_at: datetime, by: User) -> tuple[Invitation, str]:
    """The row, and the secret of its link, which nobody can find out again.

    Raises InvitationRefused: a role that `by` may not give, a stage that they may not let people into, campaigns that
    they don't manage, or an end that is past.
    """
    if invited.role != LABELER and not by.has_perm(GIVES_ROLES):
        raise InvitationRefused(
            f"{by} may invite labelers alone. Ask an admin, who may change accounts, to invite a {invited.role}."
        )
    foreign = set(invited.campaigns) - set(campaigns_of(by).filter(pk__in=[each.pk for each in invited.campaigns]))
    if foreign:
        raise InvitationRefused(f"{by} does not manage {', '.join(sorted(map(str, foreign)))}.")
    if invited.begins_in not in BEGINS_IN:
        raise InvitationRefused(f"Nobody begins {invited.begins_in}: choose {', '.join(BEGINS_IN)}.")
    if invited.begins_in != LabelerState.SCREENING and not by.has_perm(ADMITS):
        raise InvitationRefused(f"{by} may invite to screening alone: to let somebody past it is for an admin.")
    if expires_at <= timezone.now():
        raise InvitationRefused("It would expire before it is used. Give a time to come.")
    secret = secrets.token_urlsafe(32)
    row = Invitation.objects.create(
        digest=_digest(secret),
        note=invited.note.strip(),
        role=invited.role,
        begins_in=invited.begins_in,
        group=invited.group,
        made_by=by,
        expires_at=expires_at,
    )
    row.campaigns.set(invited.campaigns)
    return row, secret


def find_invitation(secret: str) -> Invitation:
    """Raises InvitationGone: there is none of that secret, or it was used, withdrawn or has expired."""
    return _checked(Invitation.objects.filter(digest=_digest(secret)).first())


@transaction.atomic
def withdraw_invitation(invitation: Invitation) -> None:
    """It opens nothing from now on. Raises InvitationRefused: an account was made with it already."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if invitation.used_at:
        raise InvitationRefused(f"{invitation} was used already. Suspend or close the account that it made instead.")
    if not invitation.withdrawn_at:
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])


@transaction.atomic
def accept_invitation(*, secret: str, account: NewAccount) -> User:
    """Makes the account, in its role and with its campaigns. Of two at the same moment one gets it.

    Raises InvitationGone; LabelerRefused: the name is taken; UnknownLanguage.
    """
    invitation = _checked(Invitation.objects.select_for_update().filter(digest=_digest(secret)).first())
    try:
        with transaction.atomic():
            if invitation.role == LABELER:
                user = _make_labeler(invitation, account)
            else:
                user = _make_staff(invitation, account)
    except IntegrityError as taken:  # somebody took the name in the same moment
        raise LabelerRefused(f"There is a user named {account.username} already.") from taken
    invitation.used_at, invitation.used_by = timezone.now(), user
    invitation.save(update_fields=["used_at", "used_by"])
    return user


def _make_labeler(invitation: Invitation, account: NewAccount) -> User:
    if not account.languages:
        raise LabelerRefused("A labeler needs at least one language: work is offered in these alone.")
    labeler = create_labeler(
        username=account.username,
        password=account.password,
        languages=account.languages,
        state=LabelerState(invitation.begins_in),
        group=LabelerGroup(invitation.group),
    )
    first = invitation.campaigns.filter(stage=CampaignStage.WORK).order_by("-priority", "pk").first()
    Labeler.objects.filter(pk=labeler.pk).update(time_zone=account.time_zone, first_campaign=first)
    if labeler.state == LabelerState.SCREENING:
        number_candidate(labeler)
    return labeler.user


def _make_staff(invitation: Invitation, account: NewAccount) -> User:
    if User.objects.filter(username=User.normalize_username(account.username)).exists():
        raise LabelerRefused(f"There is a user named {account.username} already.")
    user = User.objects.create_user(username=account.username, password=account.password)
    set_roles(user=user, roles=frozenset({Role(invitation.role)}))
    for campaign in invitation.campaigns.all():
        campaign.managers.add(user)
    return user


def _checked(invitation: Invitation | None) -> Invitation:
    why = "unknown" if invitation is None else invitation.why_gone
    if invitation is None or why:
        raise InvitationGone(f"The invitation is {why}.", why=why)
    return invitation


def _digest(secret: str) -> str:
    """A secret is random and long, so that a plain digest can't be searched."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def forget_notes_of_closed_accounts() -> None:
    """For whom an invitation was goes with the account that it made."""
    Invitation.objects.filter(used_by__is_active=False).exclude(note="").update(note="")
