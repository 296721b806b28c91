"""Closing the account of somebody who worked: the work stays, the person is forgotten."""

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.refusals import AccountRefused
from labeling.base.states import LabelerState
from labeling.desk.services.leases import end_finishing, suspend_labeler
from labeling.people.accounts.services import pseudonymise
from labeling.people.queries import labeler_of


@transaction.atomic
def close_account(*, user: User, by: User) -> str:
    """Deactivates and pseudonymises; returns the name that stands there from now on. What they hold is given back.

    Raises AccountRefused: one's own account, or the last that may do everything.
    """
    if user.pk == by.pk:
        raise AccountRefused("This is your own account. Let another admin close it.")
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_superuser and not others.exists():
        raise AccountRefused("This is the only account left that may do everything. Make another one first.")
    labeler = labeler_of(user)
    if labeler is not None and labeler.state != LabelerState.SUSPENDED:
        suspend_labeler(labeler=labeler)
    elif labeler is not None:
        end_finishing(labeler=labeler)
    name = f"former-{labeler.pseudonym}" if labeler else f"former-{user.pk}"
    pseudonymise(user=user, name=name)
    return name
