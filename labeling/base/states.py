"""States that Concord's nouns go through, and which moves between them are legal. No Django here."""

from collections.abc import Mapping
from enum import StrEnum


class CampaignState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"


class LabelerState(StrEnum):
    INVITED = "invited"
    SCREENING = "screening"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class LabelerGroup(StrEnum):
    """InstructGPT §3.4: held-out labelers come from the same vendors but produce no training data."""

    TRAINING = "training"
    HELD_OUT = "held_out"


class TaskState(StrEnum):
    """SAMPLING: its completions are being made. SET_ASIDE: can't be ranked, the reason is stored."""

    SAMPLING = "sampling"
    READY = "ready"
    DONE = "done"
    SET_ASIDE = "set_aside"


class AssignmentKind(StrEnum):
    DEMONSTRATION = "demonstration"
    RANKING = "ranking"


class AssignmentState(StrEnum):
    """LAPSED: the lease ran out; the slot went back to the queue and the draft stays with its author."""

    OPEN = "open"
    SUBMITTED = "submitted"
    SKIPPED = "skipped"
    LAPSED = "lapsed"


class CompositionKind(StrEnum):
    """What a labeler may begin without being handed it: both sides of a dialogue, a chat with the model, a prompt."""

    DIALOGUE = "dialogue"
    CHAT = "chat"
    OWN_PROMPT = "own_prompt"
    EDIT = "edit"


class CompositionState(StrEnum):
    OPEN = "open"
    SUBMITTED = "submitted"
    DISCARDED = "discarded"


class RevisionState(StrEnum):
    """KEPT: the labeler left what was handed in as it was."""

    OPEN = "open"
    SUBMITTED = "submitted"
    KEPT = "kept"


class SuggestionState(StrEnum):
    """CANCELLED: the labeler went on without, asked anew, or closed the writing."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SuggestionFailure(StrEnum):
    NO_MODEL = "no_model"
    TOO_LONG = "too_long"
    TOO_LATE = "too_late"
    ERROR = "error"


class SuggestionOutcome(StrEnum):
    USED = "used"
    EDITED = "edited"
    DISMISSED = "dismissed"


class SamplingState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ScoringState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class ModelKind(StrEnum):
    SFT = "sft"
    REWARD = "reward"


class ModelState(StrEnum):
    CANDIDATE = "candidate"
    CURRENT = "current"
    RETIRED = "retired"


class RunState(StrEnum):
    QUEUED = "queued"
    EXPORTING = "exporting"
    TRAINING = "training"
    EVALUATING = "evaluating"
    DONE = "done"
    FAILED = "failed"


ACTIVE_RUN_STATES = (RunState.QUEUED, RunState.EXPORTING, RunState.TRAINING, RunState.EVALUATING)


class SkipReason(StrEnum):
    UNCLEAR = "unclear"
    NO_EXPERTISE = "no_expertise"
    HARMFUL_TO_ME = "harmful_to_me"
    WRONG_LANGUAGE = "wrong_language"
    BROKEN = "broken"


class ContentWarning(StrEnum):
    """What a prompt may hold that some people would rather not meet; each labeler opts out of what they like."""

    VIOLENCE = "violence"
    SEXUAL = "sexual"
    SELF_HARM = "self_harm"
    HATE = "hate"
    MEDICAL = "medical"
    OTHER_SENSITIVE = "other_sensitive"


class PromptSource(StrEnum):
    """Where a prompt came from: the three labeler kinds of InstructGPT §3.2, the API or playground, or a file."""

    LABELER_PLAIN = "labeler_plain"
    LABELER_FEW_SHOT = "labeler_few_shot"
    LABELER_USER_BASED = "labeler_user_based"
    API = "api"
    IMPORT = "import"


class UseCase(StrEnum):
    """The ten use cases of InstructGPT's Table 1."""

    GENERATION = "generation"
    OPEN_QA = "open_qa"
    BRAINSTORMING = "brainstorming"
    CHAT = "chat"
    REWRITE = "rewrite"
    SUMMARIZATION = "summarization"
    CLASSIFICATION = "classification"
    OTHER = "other"
    CLOSED_QA = "closed_qa"
    EXTRACT = "extract"


class IllegalMove(ValueError):
    """A noun was asked to go from one state to another that does not follow it."""


# One table for each noun: a StrEnum member equals its plain text, so CampaignState.ACTIVE and LabelerState.ACTIVE would
# be the same key of one dictionary.
LEGAL_MOVES: tuple[Mapping[StrEnum, tuple[StrEnum, ...]], ...] = (
    {
        CampaignState.DRAFT: (CampaignState.ACTIVE, CampaignState.CLOSED),
        CampaignState.ACTIVE: (CampaignState.PAUSED, CampaignState.CLOSED),
        CampaignState.PAUSED: (CampaignState.ACTIVE, CampaignState.CLOSED),
        CampaignState.CLOSED: (CampaignState.PAUSED,),
    },
    {
        LabelerState.INVITED: (LabelerState.SCREENING, LabelerState.ACTIVE, LabelerState.SUSPENDED),
        LabelerState.SCREENING: (LabelerState.ACTIVE, LabelerState.SUSPENDED),
        LabelerState.ACTIVE: (LabelerState.SUSPENDED,),
        LabelerState.SUSPENDED: (LabelerState.ACTIVE,),
    },
    {
        TaskState.SAMPLING: (TaskState.READY, TaskState.SET_ASIDE),
        TaskState.READY: (TaskState.DONE, TaskState.SET_ASIDE),
        TaskState.DONE: (TaskState.READY,),
        TaskState.SET_ASIDE: (TaskState.SAMPLING, TaskState.READY),
    },
    {
        AssignmentState.OPEN: (AssignmentState.SUBMITTED, AssignmentState.SKIPPED, AssignmentState.LAPSED),
        AssignmentState.LAPSED: (AssignmentState.OPEN, AssignmentState.SUBMITTED),
    },
    {SuggestionState.WAITING: (SuggestionState.READY, SuggestionState.FAILED, SuggestionState.CANCELLED)},
    {CompositionState.OPEN: (CompositionState.SUBMITTED, CompositionState.DISCARDED)},
    {RevisionState.OPEN: (RevisionState.SUBMITTED, RevisionState.KEPT)},
    {
        ModelState.CANDIDATE: (ModelState.CURRENT, ModelState.RETIRED),
        ModelState.CURRENT: (ModelState.CANDIDATE, ModelState.RETIRED),
        ModelState.RETIRED: (ModelState.CANDIDATE, ModelState.CURRENT),
    },
    {
        RunState.QUEUED: (RunState.EXPORTING, RunState.FAILED),
        RunState.EXPORTING: (RunState.TRAINING, RunState.FAILED),
        RunState.TRAINING: (RunState.EVALUATING, RunState.FAILED),
        RunState.EVALUATING: (RunState.DONE, RunState.FAILED),
    },
)


def legal_moves(state: StrEnum) -> tuple[StrEnum, ...]:
    """What may follow `state` for the noun that it is a state of."""
    tables = (table for table in LEGAL_MOVES if type(next(iter(table))) is type(state))
    return next(tables, {}).get(state, ())


def check_move(*, old: StrEnum, new: StrEnum) -> None:
    """Raises IllegalMove, naming both states and what would be legal, unless `new` may follow `old`."""
    legal = legal_moves(old)
    if new not in legal:
        options = ", ".join(legal) or "nothing"
        raise IllegalMove(f"{old} can't become {new}; from {old} it can become: {options}.")
