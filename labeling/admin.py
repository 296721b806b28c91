"""Django's admin as the place from which the whole job is run.

Each noun's page is in the admin of its capability. What later capabilities know of an earlier noun (a campaign's
tasks, a task's rewards) they bring as a mixin; such pages are put together here, in the order in which they show it.
"""

from django.contrib import admin
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as lazy

from labeling.alerts import admin as alerts
from labeling.api import admin as webhooks
from labeling.base.trail import admin as trail
from labeling.campaigns.admin import campaigns, prompts
from labeling.campaigns.admin import versions as published_versions
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt, Submitter
from labeling.conversations.admin import kept as kept_conversations
from labeling.conversations.admin.submitters import SubmitterWithdrawal
from labeling.conversations.admin.tokens import BUTTONS as CONSENT
from labeling.conversations.admin.tokens import ProgramConsent
from labeling.desk.admin import accounts, assignments, labelers, revisions
from labeling.desk.admin.campaigns import CampaignClosing
from labeling.desk.admin.earlier_drafts import WithEarlierDrafts
from labeling.desk.demonstrating import admin as demonstrations
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking import admin as rankings
from labeling.desk.ranking.models import Ranking
from labeling.evaluations.admin import evaluations
from labeling.exports.admin import exclusions, snapshots, ticked_exclusions
from labeling.exports.admin.suspending import Suspending
from labeling.imports.admin import prompt_imports
from labeling.imports.admin.prompt_import import CampaignImport
from labeling.imports.models import PromptImport
from labeling.loop.admin import loops
from labeling.model_versions.admin import reward_models, versions
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.onboarding.invitations import admin as invitations
from labeling.onboarding.screening import admin as screening
from labeling.onboarding.stages.admin import CampaignStages
from labeling.pay.admin import entries, periods
from labeling.pay.admin.campaigns import PAY, CampaignPay
from labeling.pay.admin.labelers import PAY as PAID_WORK
from labeling.pay.admin.labelers import PAY_FIELDSETS, LabelerPay
from labeling.pay.surveys import admin as surveys
from labeling.people import admin as people
from labeling.people.models import Labeler
from labeling.people.second_factor import admin as second_factor
from labeling.people.sessions import admin as sessions
from labeling.people.skills import admin as skills
from labeling.people.tokens import admin as tokens
from labeling.people.tokens.models import ApiToken
from labeling.policies.admin import policy_runs
from labeling.policies.admin import recipes as policy_recipes
from labeling.policies.admin.model_versions import PolicyOrigin
from labeling.quality.admin import sentinels
from labeling.quality.admin.agreement import page as agreement
from labeling.quality.admin.habits import marks
from labeling.quality.admin.habits import page as habits
from labeling.quality.gold.admin import checks as gold_checks
from labeling.quality.gold.admin import items as gold_items
from labeling.quality.gold.admin import making as gold
from labeling.ranking_tasks import admin as ranking_tasks
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.admin import reviews, threads
from labeling.rewards import admin as rewards
from labeling.serving import admin as serving
from labeling.training.admin import training_runs
from labeling.training.admin.model_versions import ModelMeasures
from labeling.training.admin.reward_models import TrainedByRecipes
from labeling.writing import admin as writing
from labeling.writing.models import Composition

# These register their nouns by themselves: no later capability adds to them.
__all__ = [
    "agreement",
    "alerts",
    "assignments",
    "entries",
    "evaluations",
    "gold_checks",
    "gold_items",
    "habits",
    "invitations",
    "kept_conversations",
    "loops",
    "periods",
    "policy_recipes",
    "policy_runs",
    "published_versions",
    "reviews",
    "revisions",
    "screening",
    "second_factor",
    "sentinels",
    "serving",
    "sessions",
    "skills",
    "surveys",
    "threads",
    "trail",
    "training_runs",
    "webhooks",
    "writing",
]


IN_TRAINING = ((lazy("Training"), {"fields": ("in_training",)}),)


@admin.register(Labeler)
class LabelerAdmin(
    Suspending,
    exclusions.LeavingOut,
    LabelerPay,
    marks.MarkedLabelers,
    labelers.LabelerWork,
    people.LabelerAdmin,
):
    list_display = (*people.LabelerAdmin.list_display, "is_given_work", *labelers.WORK, "marked")
    list_filter = (*people.LabelerAdmin.list_filter, labelers.GetsWorkFilter, marks.MarkedFilter)
    list_select_related = ("user", "habits")
    fieldsets = (*people.LabelerAdmin.fieldsets, *labelers.WORK_FIELDSETS, *PAY_FIELDSETS, *IN_TRAINING)
    readonly_fields = (*people.LabelerAdmin.readonly_fields, *labelers.WORK, *PAID_WORK, "in_training")
    actions_detail = (*people.LabelerAdmin.actions_detail, "suspend", "leave_out", "take_in_again")


@admin.register(User)
class UserAdmin(accounts.AccountsWithWork):
    pass


@admin.register(Campaign)
class CampaignAdmin(
    exclusions.LeavingOut,
    CampaignStages,
    CampaignImport,
    CampaignPay,
    CampaignClosing,
    ranking_tasks.CampaignTasks,
    campaigns.CampaignAdmin,
):
    list_display = (*campaigns.CampaignAdmin.list_display, "rankings", "ready")
    fieldsets = (*campaigns.CampaignAdmin.fieldsets, *PAY, *IN_TRAINING)
    readonly_fields = ("pay", "in_training")
    actions_detail = (
        *campaigns.CampaignAdmin.actions_detail, "close", "import_prompts", "cutoffs", "end_of_practice",
        "set_pay", "leave_out", "take_in_again",
    )  # fmt: skip


@admin.register(Prompt)
class PromptAdmin(ranking_tasks.PromptSetAside, prompts.PromptAdmin):
    actions_detail = ("set_aside", "restore", *prompts.PromptAdmin.actions_detail)


@admin.register(Submitter)
class SubmitterAdmin(SubmitterWithdrawal, prompts.SubmitterAdmin):
    actions_detail = ("withdraw_prompts",)


@admin.register(RankingTask)
class RankingTaskAdmin(gold.GoldMaking, rewards.TaskRewards, ranking_tasks.RankingTaskAdmin):
    list_filter = (*ranking_tasks.RankingTaskAdmin.list_filter, gold.WhyMadeFilter)
    actions_detail = (*ranking_tasks.RankingTaskAdmin.actions_detail, "make_gold")


@admin.register(Ranking)
class RankingAdmin(
    ticked_exclusions.LeavingOutTicked,
    gold.GoldMaking,
    WithEarlierDrafts,
    reviews.AskingForReview,
    rankings.RankingAdmin,
):
    list_filter = (
        *rankings.RankingAdmin.list_filter, exclusions.LeftOutRankingsFilter, snapshots.RankingsOfSnapshotFilter,
    )  # fmt: skip
    fields = (*rankings.RankingAdmin.fields, "earlier_drafts", "in_training")
    readonly_fields = (*rankings.RankingAdmin.readonly_fields, "earlier_drafts", "in_training")
    actions_detail = ("make_gold", "ask_for_review", "leave_out", "take_in_again")


@admin.register(Demonstration)
class DemonstrationAdmin(
    ticked_exclusions.LeavingOutTicked, WithEarlierDrafts, reviews.AskingForReview, demonstrations.DemonstrationAdmin
):
    list_filter = (
        *demonstrations.DemonstrationAdmin.list_filter,
        exclusions.LeftOutDemonstrationsFilter,
        snapshots.DemonstrationsOfSnapshotFilter,
    )
    fields = (*demonstrations.DemonstrationAdmin.fields, "earlier_drafts", "in_training")
    readonly_fields = (*demonstrations.DemonstrationAdmin.readonly_fields, "earlier_drafts", "in_training")
    actions_detail = ("ask_for_review", "leave_out", "take_in_again")


@admin.register(Composition)
class CompositionAdmin(reviews.AskingForReview, writing.CompositionAdmin):
    actions_detail = ("ask_for_review",)


@admin.register(PromptImport)
class PromptImportAdmin(exclusions.LeavingOutImport, prompt_imports.PromptImportAdmin):
    fields = (*prompt_imports.PromptImportAdmin.fields, "in_training")
    readonly_fields = ("in_training",)
    actions_detail = (*prompt_imports.PromptImportAdmin.actions_detail, "leave_out", "take_in_again")


@admin.register(ModelVersion)
class ModelVersionAdmin(PolicyOrigin, ModelMeasures, versions.ModelVersionAdmin):
    list_display = (*versions.ModelVersionAdmin.list_display[:4], "accuracy",
                    *versions.ModelVersionAdmin.list_display[4:])  # fmt: skip
    actions_list = (*versions.ModelVersionAdmin.actions_list, "compare_two")


@admin.register(RewardModel)
class RewardModelAdmin(TrainedByRecipes, reward_models.RewardModelAdmin):
    actions_detail = ("change_recipe", "have_watched", *reward_models.RewardModelAdmin.actions_detail)


@admin.register(ApiToken)
class ApiTokenAdmin(ProgramConsent, tokens.ApiTokenAdmin):
    fieldsets = (*tokens.ApiTokenAdmin.fieldsets, (lazy("Consent"), {"fields": ("consent_shown",)}))
    actions_detail = (*tokens.ApiTokenAdmin.actions_detail, *CONSENT)
