"""Django's admin as the place from which the whole job is run.

Each noun's page is in the admin of its capability. What later capabilities know of an earlier noun (a campaign's
tasks, a task's rewards) they bring as a mixin; such pages are put together here, in the order in which they show it.
"""

from django.contrib import admin
from django.contrib.auth.models import User

from labeling.api import admin as webhooks
from labeling.base.trail import admin as trail
from labeling.campaigns.admin import campaigns, prompts
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.admin import accounts, assignments, labelers, revisions
from labeling.desk.admin.campaigns import CampaignClosing
from labeling.desk.demonstrating import admin as demonstrations
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking import admin as rankings
from labeling.desk.ranking.models import Ranking
from labeling.exports import admin as snapshots
from labeling.imports.admin.prompt_import import CampaignImport
from labeling.model_versions import admin as model_versions
from labeling.model_versions.models import ModelVersion
from labeling.people import admin as people
from labeling.people.models import Labeler
from labeling.people.tokens import admin as tokens
from labeling.ranking_tasks import admin as ranking_tasks
from labeling.ranking_tasks.models import RankingTask
from labeling.rewards import admin as rewards
from labeling.training.admin import training_runs
from labeling.training.admin.model_versions import ModelMeasures
from labeling.writing import admin as writing

# These register their nouns by themselves: no later capability adds to them.
__all__ = ["assignments", "revisions", "snapshots", "tokens", "trail", "training_runs", "webhooks", "writing"]


@admin.register(Labeler)
class LabelerAdmin(labelers.LabelerWork, people.LabelerAdmin):
    list_display = (*people.LabelerAdmin.list_display, "is_given_work", *labelers.WORK)
    list_filter = (*people.LabelerAdmin.list_filter, labelers.GetsWorkFilter)
    fieldsets = (*people.LabelerAdmin.fieldsets, *labelers.WORK_FIELDSETS)
    readonly_fields = (*people.LabelerAdmin.readonly_fields, *labelers.WORK)
    actions_detail = (*people.LabelerAdmin.actions_detail, "suspend")


@admin.register(User)
class UserAdmin(accounts.AccountsWithWork):
    pass


@admin.register(Campaign)
class CampaignAdmin(CampaignImport, CampaignClosing, ranking_tasks.CampaignTasks, campaigns.CampaignAdmin):
    list_display = (*campaigns.CampaignAdmin.list_display, "rankings", "ready")
    actions_detail = (*campaigns.CampaignAdmin.actions_detail, "close", "import_prompts")


@admin.register(Prompt)
class PromptAdmin(ranking_tasks.PromptSetAside, prompts.PromptAdmin):
    actions_detail = ("set_aside", "restore", *prompts.PromptAdmin.actions_detail)


@admin.register(RankingTask)
class RankingTaskAdmin(rewards.TaskRewards, ranking_tasks.RankingTaskAdmin):
    pass


@admin.register(Ranking)
class RankingAdmin(rankings.RankingAdmin):
    list_filter = (*rankings.RankingAdmin.list_filter, snapshots.RankingsOfSnapshotFilter)


@admin.register(Demonstration)
class DemonstrationAdmin(demonstrations.DemonstrationAdmin):
    list_filter = (*demonstrations.DemonstrationAdmin.list_filter, snapshots.DemonstrationsOfSnapshotFilter)


@admin.register(ModelVersion)
class ModelVersionAdmin(ModelMeasures, model_versions.ModelVersionAdmin):
    list_display = (*model_versions.ModelVersionAdmin.list_display[:3], "accuracy",
                    *model_versions.ModelVersionAdmin.list_display[3:])  # fmt: skip
