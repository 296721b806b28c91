"""Consent is given and taken back; each answer is a row of its own."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.refusals import ReasonMissing
from labeling.conversations.models import Consent
from labeling.conversations.rules.consent import WORDING
from labeling.model_versions.models import ModelVersion
from labeling.people.tokens.models import ApiToken


@transaction.atomic
def answer_consent(*, user: User, versions: Iterable[ModelVersion], agreed: bool) -> list[Consent]:
    """The person answers for these model versions, having read the present words."""
    return [
        Consent.objects.create(user=user, model_version=version, agreed=agreed, wording=WORDING, said_by=user)
        for version in versions
    ]


def record_agreement(*, token: ApiToken, agreed: bool, agreement: str, by: User) -> Consent:
    """An admin writes down what the owner of a program agreed to in writing, or that they no longer do.

    Raises ReasonMissing: it isn't said where that is written.
    """
    if not agreement.strip():
        raise ReasonMissing("Say who agreed, when, and where that is written.")
    return Consent.objects.create(token=token, agreed=agreed, agreement=agreement.strip(), said_by=by)
