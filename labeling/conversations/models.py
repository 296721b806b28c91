"""What people and programs said to the served models and let us keep, and what became of it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ConversationState, PersonalDataRule, PromptSource
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.model_versions.models import ModelVersion
from labeling.people.tokens.models import ApiToken

SOURCES = (PromptSource.PLAYGROUND, PromptSource.API)
ROLES = ("system", "user", "assistant")


class Consent(models.Model):
    """Whether conversations may be kept, for labeling and training; the last row counts. Rows never change.

    Of a person, for one model version: they are asked anew after each switch. Of a program, for its token: an admin
    writes down where its owner agreed in writing. Without a row nothing is kept.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="consents"
    )
    model_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    token = models.ForeignKey(ApiToken, null=True, blank=True, on_delete=models.PROTECT, related_name="consents")
    agreed = models.BooleanField()
    wording = models.CharField(max_length=16, blank=True, help_text="The version of the words that a person answered.")
    agreement = models.TextField(blank=True, help_text="Of a program: who agreed, when, and where it is written.")
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, model_version__isnull=False, token=None, wording__regex=r"\S")
                | Q(user=None, model_version=None, token__isnull=False, agreement__regex=r"\S"),
                name="consent_of_a_person_or_a_program",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "model_version", "-id"], name="consent_of_person"),
            models.Index(fields=["token", "-id"], name="consent_of_program"),
        ]

    def __str__(self) -> str:
        return f"{'yes' if self.agreed else 'no'} of {self.user or self.token}"


class ServedConversation(StatefulModel):
    """A conversation with a served model that was kept with consent. It waits until it is over, then is harvested."""

    source = models.CharField(max_length=24, choices=[(each.value, each.label) for each in SOURCES])
    submitter = models.CharField(max_length=200, help_text="The pseudonym under which it becomes a prompt.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="served_conversations", editable=False,
        help_text="The person, or the account of the program: who may withdraw it.",
    )  # fmt: skip
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="conversations")
    digest = models.CharField(max_length=64, editable=False, help_text="Of all that was said so far.")
    draw = models.FloatField(editable=False, help_text="Uniform, from 0: decides whether and where it is sampled.")
    state = models.CharField(max_length=16, choices=ConversationState.choices, default=ConversationState.KEPT)
    note = models.TextField(blank=True, help_text="Why it was held or passed over.")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    prompt = models.OneToOneField(
        Prompt, null=True, blank=True, on_delete=models.PROTECT, related_name="served_conversation"
    )
    began_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = _("kept conversation")
        verbose_name_plural = _("kept conversations")
        ordering = ["-id"]
        constraints = [
            one_of("source", SOURCES, name="served_conversation_source_known"),
            one_of("state", ConversationState, name="served_conversation_state_known"),
            not_blank("submitter", name="served_conversation_submitter_not_blank"),
            models.CheckConstraint(condition=Q(draw__gte=0, draw__lt=1), name="served_conversation_draw_range"),
            models.CheckConstraint(
                condition=Q(state="prompt", prompt__isnull=False, campaign__isnull=False)
                | ~Q(state="prompt") & Q(prompt=None),
                name="served_conversation_prompt_matches_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(campaign__isnull=False, note__regex=r"\S"),
                name="served_conversation_held_for_a_campaign",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "digest"], name="served_conversation_goes_on"),
            # The harvest takes what is over, oldest first.
            models.Index(fields=["last_at"], condition=Q(state="kept"), name="served_conversation_waits"),
        ]

    def __str__(self) -> str:
        return gettext("Kept conversation %(number)s") % {"number": self.pk}


class ServedTurn(models.Model):
    """One turn; of the model's, which version said it. A conversation that branches is a conversation of its own."""

    conversation = models.ForeignKey(ServedConversation, on_delete=models.CASCADE, related_name="turns")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=16)
    content = models.TextField()
    model_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    finish_reason = models.CharField(max_length=16, blank=True)
    said_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        ordering = ["conversation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="served_turn_position_unique"),
            one_of("role", ROLES, name="served_turn_role_known"),
            models.CheckConstraint(
                condition=Q(model_version=None) | Q(role="assistant"), name="served_turn_of_a_model_is_an_answer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"


class HarvestRule(models.Model):
    """Which share of the kept conversations becomes prompts of a campaign, and what is done about personal data."""

    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, related_name="harvest_rule")
    share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Of the conversations in its languages that are over, from 0 (none) to 1 (all)."),
    )
    personal_data = models.CharField(
        max_length=8, choices=PersonalDataRule.choices, default=PersonalDataRule.HOLD,
        help_text=_("What is done with a conversation that holds some."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("harvest rule")
        verbose_name_plural = _("harvest rules")
        ordering = ["campaign"]
        constraints = [
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=1), name="harvest_rule_share_range"),
            one_of("personal_data", PersonalDataRule, name="harvest_rule_personal_data_known"),
        ]

    def __str__(self) -> str:
        return gettext("%(share)s for %(campaign)s") % {"share": f"{self.share:.0%}", "campaign": self.campaign}


class Withdrawal(models.Model):
    """What somebody took back, and what of it had been exported and seen by models before. Rows never change."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="withdrawals",
        help_text="Whose conversations they were.",
    )  # fmt: skip
    submitter = models.CharField(max_length=200, blank=True, help_text="Whose prompts they were, where it is no user.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(auto_now_add=True)
    conversations = models.PositiveIntegerField(help_text="How many were deleted here.")
    prompts_deleted = models.PositiveIntegerField(help_text="Prompts made of them that nobody had worked on.")
    prompts_left_out = ArrayField(
        models.BigIntegerField(), default=list, blank=True,
        help_text="Prompts that labelers had worked on: out of the queue and of every later snapshot.",
    )  # fmt: skip
    snapshots = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Those made before that hold labels of them."
    )
    models_that_saw = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, help_text="Model versions trained on these."
    )

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, submitter="") | Q(user=None) & ~Q(submitter=""),
                name="withdrawal_of_a_user_or_a_submitter",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Withdrawal %(number)s") % {"number": self.pk}
