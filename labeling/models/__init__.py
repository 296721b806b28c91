from labeling.models.acknowledgement import InstructionAcknowledgement
from labeling.models.assignment import Assignment
from labeling.models.campaign import Campaign, InstructionVersion, RubricVersion
from labeling.models.composition import Composition
from labeling.models.conversation import Conversation, Message
from labeling.models.demonstration import Demonstration
from labeling.models.draft import EarlierDraft
from labeling.models.labeler import Labeler
from labeling.models.model_version import ModelVersion
from labeling.models.own_prompt import OwnPrompt, OwnPromptExample
from labeling.models.prompt import PROMPTS_PER_SUBMITTER, Prompt, Submitter
from labeling.models.ranking import RankedCompletion, Ranking
from labeling.models.rendering import RenderedCompletion
from labeling.models.revision import Revision
from labeling.models.reward import PreferenceMargin, RewardScore, ScoringRequest
from labeling.models.sampling import Completion, SamplingRun
from labeling.models.snapshot import Snapshot
from labeling.models.suggestion import MOST_SUGGESTIONS, Suggestion, SuggestionRequest
from labeling.models.task import RankingTask
from labeling.models.training_run import TrainingPoint, TrainingRun

__all__ = [
    "MOST_SUGGESTIONS",
    "PROMPTS_PER_SUBMITTER",
    "Assignment",
    "Campaign",
    "Completion",
    "Composition",
    "Conversation",
    "Demonstration",
    "EarlierDraft",
    "InstructionAcknowledgement",
    "InstructionVersion",
    "Labeler",
    "Message",
    "ModelVersion",
    "OwnPrompt",
    "OwnPromptExample",
    "PreferenceMargin",
    "Prompt",
    "RankedCompletion",
    "Ranking",
    "RankingTask",
    "RenderedCompletion",
    "Revision",
    "RewardScore",
    "RubricVersion",
    "SamplingRun",
    "ScoringRequest",
    "Snapshot",
    "Submitter",
    "Suggestion",
    "SuggestionRequest",
    "TrainingPoint",
    "TrainingRun",
]
