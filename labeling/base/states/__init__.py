"""The states and kinds of Concord's tables, each value with its word.

Each stands in the file of its capability; all other code imports it from here.
"""

from labeling.base.states.alerts import AlertKind
from labeling.base.states.campaigns import CampaignStage, CampaignState, CampaignUse
from labeling.base.states.desk import AssignmentKind, AssignmentState, RevisionState, SkipReason, Strength
from labeling.base.states.exports import ExportState, LabelsChosen
from labeling.base.states.legal_moves import LEGAL_MOVES, IllegalMove, check_move, legal_moves, states_before
from labeling.base.states.model_versions import CheckState, Half, ModelBackend, ModelKind, ModelState
from labeling.base.states.pay import PayEntryKind, PayPeriodState, SurveyState
from labeling.base.states.people import WORKS_IN, LabelerGroup, LabelerState, ScreeningOutcome, SensitiveTopic
from labeling.base.states.programs import ApiScope, DeliveryState, ScoringState, WebhookEvent
from labeling.base.states.prompts import (
    ContentWarning,
    ConversationState,
    ImportState,
    PersonalDataRule,
    PromptSource,
    UseCase,
)
from labeling.base.states.quality import CheckKind, GoldState, ReportState, ReviewReason, ReviewState
from labeling.base.states.ranking_tasks import SamplingFailure, SamplingState, TaskState
from labeling.base.states.runs import (
    ACTIVE_RUN_STATES,
    OPEN_TURN_STATES,
    EvaluationState,
    PolicyStage,
    RewardGate,
    RunState,
    TurnState,
    Verdict,
)
from labeling.base.states.writing import (
    CompositionKind,
    CompositionState,
    SuggestionFailure,
    SuggestionOutcome,
    SuggestionState,
)

__all__ = [
    "ACTIVE_RUN_STATES",
    "LEGAL_MOVES",
    "OPEN_TURN_STATES",
    "WORKS_IN",
    "AlertKind",
    "ApiScope",
    "AssignmentKind",
    "AssignmentState",
    "CampaignStage",
    "CampaignState",
    "CampaignUse",
    "CheckKind",
    "CheckState",
    "CompositionKind",
    "CompositionState",
    "ContentWarning",
    "ConversationState",
    "DeliveryState",
    "EvaluationState",
    "ExportState",
    "GoldState",
    "Half",
    "IllegalMove",
    "ImportState",
    "LabelerGroup",
    "LabelerState",
    "LabelsChosen",
    "ModelBackend",
    "ModelKind",
    "ModelState",
    "PayEntryKind",
    "PayPeriodState",
    "PersonalDataRule",
    "PolicyStage",
    "PromptSource",
    "ReportState",
    "ReviewReason",
    "ReviewState",
    "RevisionState",
    "RewardGate",
    "RunState",
    "SamplingFailure",
    "SamplingState",
    "ScoringState",
    "ScreeningOutcome",
    "SensitiveTopic",
    "SkipReason",
    "Strength",
    "SuggestionFailure",
    "SuggestionOutcome",
    "SuggestionState",
    "SurveyState",
    "TaskState",
    "TurnState",
    "UseCase",
    "Verdict",
    "WebhookEvent",
    "check_move",
    "legal_moves",
    "states_before",
]
