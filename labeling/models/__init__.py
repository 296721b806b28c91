from labeling.alerts.models import Incident, Silence, WorkerSign
from labeling.api.models import IdempotentRequest, Webhook, WebhookDelivery
from labeling.base.attempts import UnfinishedAttempt
from labeling.base.trail.models import Change
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import PROMPTS_PER_SUBMITTER, Prompt, PromptOpening, Submitter
from labeling.campaigns.models.queues import QueueProgress, WorkQueue
from labeling.campaigns.models.versions import InstructionAcknowledgement, InstructionVersion, RubricVersion
from labeling.console.models import DailyWork, KeptFigure
from labeling.conversations.models import Consent, HarvestRule, ServedConversation, ServedTurn, Withdrawal
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment, EarlierDraft, Revision, WorkingTime
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.evaluations.models import Evaluation
from labeling.exports.models import Exclusion, Snapshot, SnapshotRequest
from labeling.imports.models import ImportedRanking, PromptImport
from labeling.loop.models import Loop, Turn
from labeling.model_versions.models import ModelCheck, ModelVersion, Promotion, RewardModel
from labeling.onboarding.invitations.models import Invitation
from labeling.onboarding.screening.models import Candidate, Grade, ScreeningDecision, SelfAssessment
from labeling.onboarding.stages.models import StageSettings
from labeling.pay.models import PayEntry, PayPeriod, PayTerms
from labeling.pay.surveys.models import Survey, SurveyAnswer, SurveyParticipation
from labeling.people.accounts.models import FailedLogin
from labeling.people.models import Labeler
from labeling.people.sessions.models import AccountSession
from labeling.people.skills.models import Skill
from labeling.people.tokens.models import ApiToken
from labeling.policies.models import PolicyLook, PolicyPoint, PolicyRecipe, PolicyRun
from labeling.quality.agreement.models import CompletionAgreement, RankingAgreement
from labeling.quality.bias.models import LabelerHabits, NearCopyFound, Sentinel
from labeling.quality.gold.models import Check, GoldItem, GoldVersion
from labeling.ranking_tasks.models.completions import Completion, RenderedCompletion
from labeling.ranking_tasks.models.sampling import SamplerReport, SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.models.reviews import AdjudicatedCompletion, Adjudication, Review, ReviewProgress
from labeling.review.models.threads import BrokenTaskReport, Thread, ThreadMessage
from labeling.rewards.models import PreferenceMargin, RewardScore, ScoringRequest
from labeling.serving.models import ChatUsage, ServerReport
from labeling.training.models import ModelComparison, TrainingPoint, TrainingRecipe, TrainingRun
from labeling.writing.models import Composition, Conversation, Message
from labeling.writing.own_prompts.models import OwnPrompt, OwnPromptExample
from labeling.writing.suggestions.models import Suggestion, SuggestionRequest

__all__ = [
    "PROMPTS_PER_SUBMITTER",
    "AccountSession",
    "AdjudicatedCompletion",
    "Adjudication",
    "ApiToken",
    "Assignment",
    "BrokenTaskReport",
    "Campaign",
    "Candidate",
    "Change",
    "ChatUsage",
    "Check",
    "Completion",
    "CompletionAgreement",
    "Composition",
    "Consent",
    "Conversation",
    "DailyWork",
    "Demonstration",
    "EarlierDraft",
    "Evaluation",
    "Exclusion",
    "FailedLogin",
    "GoldItem",
    "GoldVersion",
    "Grade",
    "HarvestRule",
    "IdempotentRequest",
    "ImportedRanking",
    "Incident",
    "InstructionAcknowledgement",
    "InstructionVersion",
    "Invitation",
    "KeptFigure",
    "Labeler",
    "LabelerHabits",
    "Loop",
    "Message",
    "ModelCheck",
    "ModelComparison",
    "ModelVersion",
    "NearCopyFound",
    "OwnPrompt",
    "OwnPromptExample",
    "PayEntry",
    "PayPeriod",
    "PayTerms",
    "PolicyLook",
    "PolicyPoint",
    "PolicyRecipe",
    "PolicyRun",
    "PreferenceMargin",
    "Promotion",
    "Prompt",
    "PromptImport",
    "PromptOpening",
    "QueueProgress",
    "RankedCompletion",
    "Ranking",
    "RankingAgreement",
    "RankingTask",
    "RenderedCompletion",
    "Review",
    "ReviewProgress",
    "Revision",
    "RewardModel",
    "RewardScore",
    "RubricVersion",
    "SamplerReport",
    "SamplingRun",
    "ScoringRequest",
    "ScreeningDecision",
    "SelfAssessment",
    "Sentinel",
    "ServedConversation",
    "ServedTurn",
    "ServerReport",
    "Silence",
    "Skill",
    "Snapshot",
    "SnapshotRequest",
    "StageSettings",
    "Submitter",
    "Suggestion",
    "SuggestionRequest",
    "Survey",
    "SurveyAnswer",
    "SurveyParticipation",
    "Thread",
    "ThreadMessage",
    "TrainingPoint",
    "TrainingRecipe",
    "TrainingRun",
    "Turn",
    "UnfinishedAttempt",
    "Webhook",
    "WebhookDelivery",
    "Withdrawal",
    "WorkQueue",
    "WorkerSign",
    "WorkingTime",
]
