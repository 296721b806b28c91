"""Which state may follow which."""

from collections.abc import Mapping

from django.db import models

from labeling.base.states.campaigns import CampaignState
from labeling.base.states.desk import AssignmentState, RevisionState
from labeling.base.states.exports import ExportState
from labeling.base.states.model_versions import CheckState, ModelState
from labeling.base.states.pay import PayPeriodState, SurveyState
from labeling.base.states.people import LabelerState
from labeling.base.states.programs import DeliveryState, ScoringState
from labeling.base.states.prompts import ConversationState, ImportState
from labeling.base.states.quality import GoldState, ReportState, ReviewState
from labeling.base.states.ranking_tasks import SamplingState, TaskState
from labeling.base.states.runs import EvaluationState, RunState, TurnState
from labeling.base.states.writing import CompositionState, SuggestionState


class IllegalMove(ValueError):
    """A row was asked to go from one state to another that does not follow it."""


# By the class of states. Services go by it (base/moves.py), and PostgreSQL refuses every other move (migration 0002).
LEGAL_MOVES: Mapping[type[models.TextChoices], Mapping[models.TextChoices, tuple[models.TextChoices, ...]]] = {
    CampaignState: {
        CampaignState.DRAFT: (CampaignState.ACTIVE, CampaignState.CLOSED),
        CampaignState.ACTIVE: (CampaignState.PAUSED, CampaignState.CLOSED),
        CampaignState.PAUSED: (CampaignState.ACTIVE, CampaignState.CLOSED),
        CampaignState.CLOSED: (CampaignState.PAUSED,),
    },
    LabelerState: {
        LabelerState.INVITED: (
            LabelerState.SCREENING,
            LabelerState.PRACTICE,
            LabelerState.ACTIVE,
            LabelerState.SUSPENDED,
        ),
        LabelerState.SCREENING: (LabelerState.PRACTICE, LabelerState.ACTIVE, LabelerState.SUSPENDED),
        LabelerState.PRACTICE: (LabelerState.ACTIVE, LabelerState.SUSPENDED),
        LabelerState.ACTIVE: (LabelerState.PRACTICE, LabelerState.SUSPENDED),
        # Whoever was suspended before they were admitted goes on where they were.
        LabelerState.SUSPENDED: (LabelerState.SCREENING, LabelerState.PRACTICE, LabelerState.ACTIVE),
    },
    GoldState: {
        GoldState.ACTIVE: (GoldState.RETIRED,),
        GoldState.RETIRED: (GoldState.ACTIVE,),
    },
    TaskState: {
        TaskState.SAMPLING: (TaskState.READY, TaskState.SET_ASIDE),
        TaskState.READY: (TaskState.DONE, TaskState.SET_ASIDE),
        TaskState.DONE: (TaskState.READY,),
        TaskState.SET_ASIDE: (TaskState.SAMPLING, TaskState.READY),
    },
    AssignmentState: {
        AssignmentState.OPEN: (AssignmentState.SUBMITTED, AssignmentState.SKIPPED, AssignmentState.LAPSED),
        AssignmentState.LAPSED: (AssignmentState.OPEN, AssignmentState.SUBMITTED, AssignmentState.SKIPPED),
    },
    SuggestionState: {
        SuggestionState.WAITING: (SuggestionState.READY, SuggestionState.FAILED, SuggestionState.CANCELLED),
    },
    CompositionState: {
        CompositionState.OPEN: (CompositionState.SUBMITTED, CompositionState.DISCARDED),
    },
    RevisionState: {
        RevisionState.OPEN: (RevisionState.SUBMITTED, RevisionState.KEPT),
    },
    ModelState: {
        ModelState.CANDIDATE: (ModelState.CURRENT, ModelState.RETIRED),
        ModelState.CURRENT: (ModelState.CANDIDATE, ModelState.RETIRED),
        ModelState.RETIRED: (ModelState.CANDIDATE, ModelState.CURRENT),
    },
    RunState: {
        RunState.QUEUED: (RunState.EXPORTING, RunState.FAILED),
        # Back to QUEUED: its worker was stopped or died, and another one goes on.
        RunState.EXPORTING: (RunState.TRAINING, RunState.QUEUED, RunState.FAILED),
        RunState.TRAINING: (RunState.EVALUATING, RunState.QUEUED, RunState.FAILED),
        RunState.EVALUATING: (RunState.DONE, RunState.QUEUED, RunState.FAILED),
    },
    EvaluationState: {
        EvaluationState.PLANNED: (EvaluationState.RUNNING, EvaluationState.STOPPED),
        EvaluationState.RUNNING: (EvaluationState.DONE, EvaluationState.STOPPED),
    },
    TurnState: {
        TurnState.RANKINGS: (TurnState.REWARD_MODEL,),
        TurnState.REWARD_MODEL: (TurnState.POLICY, TurnState.ENDED),
        TurnState.POLICY: (TurnState.EVALUATION, TurnState.ENDED),
        TurnState.EVALUATION: (TurnState.PROMOTED, TurnState.ENDED),
        # What ended it was mended, and the step is done again.
        TurnState.ENDED: (TurnState.REWARD_MODEL, TurnState.POLICY, TurnState.EVALUATION),
    },
    ConversationState: {
        ConversationState.KEPT: (
            ConversationState.HELD,
            ConversationState.PASSED_OVER,
            ConversationState.PROMPT,
        ),
        ConversationState.HELD: (ConversationState.PROMPT, ConversationState.PASSED_OVER),
    },
    ImportState: {
        ImportState.CHECKING: (ImportState.CHECKED, ImportState.FAILED),
        ImportState.CHECKED: (ImportState.CHECKING, ImportState.IMPORTING, ImportState.FAILED),
        ImportState.IMPORTING: (ImportState.DONE, ImportState.CHECKED, ImportState.FAILED),
        ImportState.DONE: (ImportState.UNDONE,),
        ImportState.FAILED: (ImportState.CHECKING,),
    },
    SamplingState: {SamplingState.RUNNING: (SamplingState.DONE, SamplingState.FAILED)},
    DeliveryState: {DeliveryState.WAITING: (DeliveryState.DELIVERED, DeliveryState.FAILED)},
    ExportState: {ExportState.WAITING: (ExportState.DONE, ExportState.FAILED)},
    ScoringState: {ScoringState.WAITING: (ScoringState.READY, ScoringState.FAILED)},
    PayPeriodState: {
        PayPeriodState.OPEN: (PayPeriodState.FROZEN,),
        PayPeriodState.FROZEN: (PayPeriodState.PAID,),
    },
    SurveyState: {SurveyState.OPEN: (SurveyState.CLOSED,)},
    ReviewState: {
        ReviewState.WAITING: (
            ReviewState.ACCEPTED,
            ReviewState.RETURNED,
            ReviewState.FIXED,
            ReviewState.ADJUDICATED,
            ReviewState.WITHDRAWN,
        ),
        ReviewState.RETURNED: (ReviewState.ANSWERED, ReviewState.WITHDRAWN),
    },
    ReportState: {ReportState.OPEN: (ReportState.SET_ASIDE, ReportState.DISMISSED)},
    CheckState: {CheckState.WAITING: (CheckState.PASSED, CheckState.FAILED)},
}


def legal_moves(state: models.TextChoices) -> tuple[models.TextChoices, ...]:
    """The states that may follow `state`."""
    return LEGAL_MOVES.get(type(state), {}).get(state, ())


def states_before(state: models.TextChoices) -> list[models.TextChoices]:
    """The states that `state` may follow."""
    return [old for old, following in LEGAL_MOVES[type(state)].items() if state in following]


def check_move(*, old: models.TextChoices, new: models.TextChoices) -> None:
    """Raises IllegalMove, naming both states and what would be legal, unless `new` may follow `old`."""
    legal = legal_moves(old)
    if new not in legal:
        options = ", ".join(legal) or "nothing"
        raise IllegalMove(f"{old} can't become {new}; from {old} it can become: {options}.")
