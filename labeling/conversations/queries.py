"""What was agreed to, and what is kept of whom."""

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from labeling.base.states import CampaignState, ConversationState
from labeling.campaigns.models.prompts import Prompt, Submitter
from labeling.conversations.models import Consent, HarvestRule, ServedConversation
from labeling.exports.models import Exclusion
from labeling.model_versions.models import ModelVersion
from labeling.people.tokens.models import ApiToken
from lm.prompt_format import Message


def consent_of_person(user: User, version: ModelVersion) -> Consent | None:
    """What the person last said for that version; None: they have not been asked since it is there."""
    return Consent.objects.filter(user=user, model_version=version).order_by("-pk").first()


def consent_of_program(token: ApiToken) -> Consent | None:
    """What is on record for the program; None: nothing, so that nothing of it is kept."""
    return Consent.objects.filter(token=token).order_by("-pk").first()


def kept_of(user: User) -> QuerySet[ServedConversation]:
    """Everything that is kept of the person, or of the programs of the account, the latest first."""
    found = ServedConversation.objects.filter(user=user).prefetch_related("turns__model_version")
    return found.select_related("prompt", "campaign").order_by("-last_at", "-pk")


def rules_in_force() -> QuerySet[HarvestRule]:
    """The rules by which a campaign takes conversations now: a share above 0, of a campaign that is open."""
    return HarvestRule.objects.filter(share__gt=0, campaign__state=CampaignState.ACTIVE).select_related("campaign")


def waiting_for_a_rule() -> int | None:
    """How many kept conversations wait because no campaign takes any; None: one does."""
    if rules_in_force().exists():
        return None
    return ServedConversation.objects.filter(state=ConversationState.KEPT).count()


def messages_of(conversation: ServedConversation) -> list[Message]:
    """All that was said in it, in order."""
    return [
        Message(role=role, content=content)
        for role, content in conversation.turns.order_by("position").values_list("role", "content")
    ]


def not_withdrawn(submitter: Submitter) -> QuerySet[Prompt]:
    """The submitter's prompts that are not left out of training as withdrawn."""
    left_out = Exclusion.objects.in_force().filter(prompt=OuterRef("pk"))
    return Prompt.objects.filter(~Exists(left_out), submitter=submitter).order_by("pk")
