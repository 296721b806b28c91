"""What programs send and are sent. Unknown fields are refused by name: a misspelt one must not be dropped."""

from typing import Any

from django.core.validators import URLValidator
from django.urls import reverse
from rest_framework import serializers

from labeling.api.forms.records import SnapshotSerializer
from labeling.api.models import Webhook, WebhookDelivery
from labeling.base.states import (
    ContentWarning,
    ExportState,
    LabelsChosen,
    ModelKind,
    ModelState,
    ScoringState,
    UseCase,
    WebhookEvent,
)
from labeling.campaigns.models.prompts import Prompt
from labeling.exports.models import SnapshotRequest
from labeling.exports.services.selection import KINDS
from labeling.rewards.services.scoring_requests import MOST_COMPLETIONS
from lm.snapshot.records.constants import RANKED_HIGHEST, RANKED_LOWEST, SPLITS

MOST_PROMPTS = 100
"""Of one request; larger ones are files, which the admin imports."""
LONGEST_NAME = 200
MOST_ROWS = 200
"""Of one page."""


class Strict(serializers.Serializer[Any]):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: [f"This field is unknown, so it would be lost. Known are {known}."] for name in unknown}
            )
        return super().to_internal_value(data)


class NoQuery(Strict):
    """An address that takes nothing behind its question mark."""


class PageQuery(Strict):
    limit = serializers.IntegerField(min_value=1, max_value=MOST_ROWS, required=False)
    cursor = serializers.CharField(required=False)


class ModelVersionsQuery(PageQuery):
    kind = serializers.ChoiceField(choices=ModelKind.choices, required=False)
    state = serializers.ChoiceField(choices=ModelState.choices, required=False)


class Text(serializers.CharField):
    """A text as it is: nothing is trimmed, and a number is no text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class MessageSerializer(Strict):
    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = Text()


class CompletionSerializer(Strict):
    text = Text()
    model = Text(max_length=LONGEST_NAME, help_text="What wrote it.")


class PromptSerializer(Strict):
    messages = MessageSerializer(many=True, allow_empty=False, help_text="Ends with a user's.")
    submitter = Text(max_length=LONGEST_NAME, help_text="Whose prompt it is: the split of train and test hangs on it.")
    language = Text(required=False, max_length=16, help_text="Such as en or zh. Left out: found out from the text.")
    use_case = serializers.ChoiceField(choices=UseCase.choices, default=UseCase.OTHER)
    content_warnings = serializers.ListField(
        child=serializers.ChoiceField(choices=ContentWarning.choices), default=list, max_length=len(ContentWarning)
    )
    required_skills = serializers.ListField(
        child=Text(max_length=32), default=list, max_length=50, help_text="Short names of skills that there are."
    )
    completions = CompletionSerializer(
        many=True,
        required=False,
        help_text=f"{RANKED_LOWEST} to {RANKED_HIGHEST} to be ranked. Left out: they are sampled here.",
    )


class PromptsSerializer(Strict):
    prompts = serializers.ListField(child=PromptSerializer(), allow_empty=False, max_length=MOST_PROMPTS)


class AddedPromptSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Null where it was refused.")
    refused = serializers.CharField(allow_blank=True, help_text="Why; empty where it was added.")
    twin = serializers.IntegerField(allow_null=True, help_text="The prompt that it repeats, where that is why.")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What the current models make of it otherwise than it stands."
    )


class AddedPromptsSerializer(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    results = AddedPromptSerializer(many=True, help_text="One for each prompt, in order.")


class StoredPromptSerializer(serializers.ModelSerializer[Prompt]):
    campaign = serializers.CharField(source="campaign.slug", read_only=True)
    submitter = serializers.CharField(source="submitter.name", read_only=True)
    split = serializers.CharField(read_only=True)
    messages = MessageSerializer(many=True)

    class Meta:
        model = Prompt
        fields = (
            "id", "campaign", "messages", "submitter", "split", "language", "use_case", "source", "content_warnings",
            "required_skills", "set_aside_reason", "demonstrations_needed", "demonstrations_done",
            "ranking_tasks_needed", "ranking_tasks_made", "created_at",
        )  # fmt: skip


class LabelersQuery(PageQuery):
    username = serializers.CharField(required=False)
    skill = serializers.CharField(required=False)
    language = serializers.CharField(required=False)


class LabelerChangesSerializer(Strict):
    """What is left out stays as it is; what is sent takes the place of all that was there."""

    languages = serializers.ListField(
        child=Text(max_length=16), required=False, allow_empty=False, max_length=50,
        help_text="Such as en or zh: work is offered in these alone.",
    )  # fmt: skip
    skills = serializers.ListField(
        child=Text(max_length=32), required=False, max_length=50,
        help_text="Short names of skills and topics that there are.",
    )  # fmt: skip


class NewSnapshotSerializer(Strict):
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS), allow_empty=False, max_length=len(KINDS),
        help_text="Rankings and demonstrations are what the trainer reads.",
    )  # fmt: skip
    campaign = serializers.SlugField(required=False, allow_null=True, default=None, help_text="Only this one.")
    split = serializers.ChoiceField(choices=SPLITS, required=False, allow_null=True, default=None)
    as_of = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Left out: now.")
    include_simulated = serializers.BooleanField(default=False)
    held_out = serializers.BooleanField(default=False, help_text="Held-out labelers' work, and nobody else's.")
    since = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Only what came after it."
    )
    margins = serializers.BooleanField(default=False, help_text="Pairs say how much better the chosen one is.")
    parquet = serializers.BooleanField(default=False, help_text="The same as Parquet, too.")
    include_imported = serializers.BooleanField(default=False, help_text="Existing comparisons from files, too.")
    include_left_out = serializers.BooleanField(default=False, help_text="What admins left out of training, too.")
    labels = serializers.ChoiceField(
        choices=LabelsChosen.values, default=LabelsChosen.ALL.value,
        help_text="Of tasks that several labelers ranked: all rankings, their consensus, or adjudicated tasks alone.",
    )  # fmt: skip
    reward_model = Text(
        required=False, allow_null=True, default=None, help_text="Only what its campaigns feed this reward model with."
    )


class SnapshotRequestSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="token")
    state = serializers.ChoiceField(choices=ExportState.choices)
    address = serializers.SerializerMethodField(help_text="Where the snapshot is named when it is made.")
    failure = serializers.CharField(allow_blank=True, help_text="Why there is none; empty otherwise.")
    snapshot = SnapshotSerializer(allow_null=True, help_text="Null until it is made.")

    def get_address(self, asked: SnapshotRequest) -> str:
        return reverse("snapshot_request", args=[asked.token])


class ItemSerializer(Strict):
    prompt = MessageSerializer(many=True, allow_empty=False)
    completions = serializers.ListField(child=Text(), allow_empty=False, max_length=MOST_COMPLETIONS)


class ItemsSerializer(Strict):
    model = Text(
        required=False, max_length=LONGEST_NAME, help_text="A version, or a reward model. Left out: the default one."
    )
    items = serializers.ListField(child=ItemSerializer(), allow_empty=False, max_length=MOST_COMPLETIONS)


class ScoredBySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class ItemScoresSerializer(serializers.Serializer[Any]):
    rewards = serializers.ListField(child=serializers.FloatField(allow_null=True))
    problems = serializers.ListField(child=serializers.CharField(allow_blank=True))


class ScoresSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ScoringState.choices)
    address = serializers.CharField(help_text="Where the answer is, or will be.")
    failure = serializers.CharField(required=False)
    model = ScoredBySerializer(required=False)
    scores = ItemScoresSerializer(many=True, required=False, help_text="One for each item, in order.")


class WebhookSerializer(Strict, serializers.ModelSerializer[Webhook]):
    url = serializers.URLField(max_length=1000, validators=[URLValidator(schemes=["http", "https"])])
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=WebhookEvent.choices), allow_empty=False, max_length=len(WebhookEvent)
    )

    class Meta:
        model = Webhook
        fields = ("id", "url", "events", "active", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Signs every event. It is shown once.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    id = serializers.UUIDField(source="token", help_text="The header webhook-id.")

    class Meta:
        model = WebhookDelivery
        fields = ("id", "event", "subject", "happened_at", "state", "attempts", "next_try_at", "answer", "finished_at")
