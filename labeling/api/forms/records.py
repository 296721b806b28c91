"""What programs are shown of what is on record: campaigns, people, snapshots, models, runs, evaluations."""

from typing import Any

from rest_framework import serializers

from labeling.campaigns.models.campaigns import Campaign
from labeling.evaluations.models import Evaluation
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from labeling.people.skills.models import Skill
from labeling.policies.models import PolicyRun
from labeling.training.models import TrainingRun


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    class Meta:
        model = Campaign
        fields = ("id", "slug", "name", "description", "state", "languages", "created_at")


class ProgressSerializer(serializers.Serializer[Any]):
    prompts = serializers.IntegerField()
    prompts_set_aside = serializers.IntegerField()
    demonstrations = serializers.IntegerField(help_text="Of people; revisions count once.")
    demonstrations_wanted = serializers.IntegerField()
    tasks_sampling = serializers.IntegerField()
    tasks_ready = serializers.IntegerField()
    tasks_done = serializers.IntegerField()
    tasks_set_aside = serializers.IntegerField()
    rankings = serializers.IntegerField(help_text="Of people; revisions count once.")
    rankings_wanted = serializers.IntegerField()


class CampaignWithProgressSerializer(CampaignSerializer):
    progress = ProgressSerializer()

    class Meta(CampaignSerializer.Meta):
        fields = (*CampaignSerializer.Meta.fields, "progress")  # type: ignore[assignment]


class SkillSerializer(serializers.ModelSerializer[Skill]):
    name = serializers.DictField(child=serializers.CharField(), help_text="By interface language.")

    class Meta:
        model = Skill
        fields = ("id", "slug", "name")


class LabelerSerializer(serializers.ModelSerializer[Labeler]):
    username = serializers.CharField(source="user.username")
    pseudonym = serializers.CharField(help_text="Their name in exports and webhooks.")

    class Meta:
        model = Labeler
        fields = ("id", "username", "pseudonym", "state", "group", "simulated", "languages", "skills", "created_at")


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    filters = serializers.DictField(help_text="What was selected (docs/data-contract.md).")
    counts = serializers.DictField(help_text="By split: rankings, usable pairs, prompts, labelers, demonstrations.")

    class Meta:
        model = Snapshot
        fields = ("id", "as_of", "filters", "counts", "sha256", "bytes", "created_at")


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    metrics = serializers.DictField(help_text="As the trainer's metrics.json has them; empty for registered models.")

    class Meta:
        model = ModelVersion
        fields = (
            "id", "kind", "name", "path", "parent", "rewarded_by", "ensemble", "watched_by", "snapshot", "half",
            "state", "state_reason", "metrics", "created_at", "promoted_at",
        )  # fmt: skip


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    config = serializers.DictField()
    evaluation = serializers.DictField(help_text="The new model and the one before it on the same test rankings.")

    class Meta:
        model = TrainingRun
        fields = (
            "id", "kind", "trigger", "trigger_note", "state", "failure", "config", "snapshot", "model_version",
            "compared_with", "evaluation", "decision", "created_at", "finished_at",
        )  # fmt: skip


class PolicyRunSerializer(serializers.ModelSerializer[PolicyRun]):
    config = serializers.DictField(help_text="Options of `python -m policy_trainer`; empty until it has begun.")
    start = serializers.IntegerField(
        source="start_id", allow_null=True, help_text="The version that it begins from; null: the recipe's base."
    )
    rewarded_by = serializers.IntegerField(
        source="rewarded_by_id", allow_null=True, help_text="PPO: the reward model's version that is optimised."
    )
    ensemble = serializers.PrimaryKeyRelatedField[ModelVersion](
        many=True, read_only=True, help_text="PPO: the versions that are optimised together with it."
    )
    watched_by = serializers.IntegerField(
        source="watched_by_id", allow_null=True, help_text="PPO: the reward model's version that only watches."
    )

    class Meta:
        model = PolicyRun
        fields = (
            "id", "stage", "trigger", "trigger_note", "state", "failure", "config", "start", "rewarded_by",
            "ensemble", "watched_by", "snapshot", "model_version", "decision", "steps_total", "created_at",
            "finished_at",
        )  # fmt: skip


class DecisionSerializer(serializers.Serializer[Any]):
    """By what an evaluation was decided, or how it stands by what was judged so far."""

    win_rate = serializers.FloatField(allow_null=True, help_text="A tie is half a win.")
    low = serializers.FloatField(help_text="This and `high` hold at all times at once, each with the confidence.")
    high = serializers.FloatField()
    needed = serializers.FloatField(help_text="What the rate has to be above.")
    confidence = serializers.FloatField()
    prompts = serializers.IntegerField()
    ties = serializers.IntegerField()
    verdict = serializers.CharField(allow_blank=True)


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    campaign = serializers.CharField(source="source.slug", help_text="Whose held-out prompts are asked.")
    candidate = serializers.IntegerField(source="candidate_id")
    baseline = serializers.IntegerField(
        source="baseline_id", allow_null=True, help_text="What it is held against; null: human demonstrations."
    )
    split = serializers.CharField(help_text="test or valid.")
    decision = DecisionSerializer(allow_null=True, help_text="Null before anything was judged.")

    class Meta:
        model = Evaluation
        fields = (
            "id", "name", "state", "campaign", "candidate", "baseline", "demonstrations", "split", "held_out_only",
            "margin", "confidence", "gain", "power", "rankings_per_prompt", "size", "promote_automatically", "verdict",
            "decision", "note", "created_at", "started_at", "ended_at",
        )  # fmt: skip


class EstimateSerializer(serializers.Serializer[Any]):
    """With its 95% interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    prompts = serializers.IntegerField()


class PairSerializer(serializers.Serializer[Any]):
    one = serializers.IntegerField(help_text="A model version; 0: human demonstrations.")
    other = serializers.IntegerField()
    wins = serializers.IntegerField(help_text="Prompts on which `one` is preferred.")
    ties = serializers.IntegerField()
    losses = serializers.IntegerField()
    win_rate = EstimateSerializer(source="rate", allow_null=True, help_text="Null: too few prompts.")
    win_rate_at_equal_lengths = EstimateSerializer(source="controlled", allow_null=True)


class EvaluationWithFiguresSerializer(EvaluationSerializer):
    pairs = PairSerializer(many=True, help_text="Every two of what is compared; empty before it is started.")

    class Meta(EvaluationSerializer.Meta):
        fields = (*EvaluationSerializer.Meta.fields, "pairs")  # type: ignore[assignment]
