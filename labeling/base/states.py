"""The states and kinds of Concord's tables, each value with its word, and the moves between states that are legal."""

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


class CampaignUse(models.TextChoices):
    """What its labels are for. The split of a prompt is that of its submitter, whatever the use."""

    TRAIN_AND_EVALUATE = "train_and_evaluate", _("Train and evaluate")
    EVALUATE_ONLY = "evaluate_only", _("Evaluate only")
    NEVER_TRAIN = "never_train", _("Never train")


class CampaignStage(models.TextChoices):
    """For whom its work is. What is done in screening and in practice is no label of real work."""

    WORK = "work", _("Real work")
    SCREENING = "screening", pgettext_lazy("stage", "Screening")
    PRACTICE = "practice", pgettext_lazy("stage", "Practice")


class LabelerState(models.TextChoices):
    INVITED = "invited", _("Invited")
    SCREENING = "screening", _("Screening")
    PRACTICE = "practice", _("Practice")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")


# Labelers in these states are given work, that of campaigns of one stage. The claim (migration 0003) says the same.
WORKS_IN: Mapping[str, CampaignStage] = {
    LabelerState.SCREENING: CampaignStage.SCREENING,
    LabelerState.PRACTICE: CampaignStage.PRACTICE,
    LabelerState.ACTIVE: CampaignStage.WORK,
}


class LabelerGroup(models.TextChoices):
    """InstructGPT §3.4: held-out labelers come from the same vendors but produce no training data."""

    TRAINING = "training", _("Training")
    HELD_OUT = "held_out", _("Held out")


class GoldState(models.TextChoices):
    """RETIRED: it is measured no more; what was measured by it stays."""

    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class CheckKind(models.TextChoices):
    """GOLD: the right answer is known. REPEAT: the labeler ranked the same before."""

    GOLD = "gold", _("Gold")
    REPEAT = "repeat", _("Repeat")


class ScreeningOutcome(models.TextChoices):
    """MORE: the candidate goes on, with items that were added."""

    ADMITTED = "admitted", _("Admitted to practice")
    REFUSED = "refused", _("Refused")
    MORE = "more", _("Asked for more")


class SensitiveTopic(models.TextChoices):
    """Topics of sensitive speech that somebody says they can judge (InstructGPT, App. B.1)."""

    HATE = "hate", _("Hate and insults")
    VIOLENCE = "violence", _("Violence")
    SEXUAL = "sexual", _("Sexual content")
    SELF_HARM = "self_harm", _("Self-harm and suicide")
    CRIME = "crime", _("Crime and drugs")
    POLITICS = "politics", _("Politics")
    RELIGION = "religion", _("Religion")
    JUDGING = "judging", _("Judging people")
    MEDICAL = "medical", _("Illness and medicine")


class TaskState(models.TextChoices):
    """SAMPLING: its completions are being made. SET_ASIDE: can't be ranked, the reason is stored."""

    SAMPLING = "sampling", _("Sampling")
    READY = "ready", _("Ready")
    DONE = "done", _("Done")
    SET_ASIDE = "set_aside", _("Set aside")


class AssignmentKind(models.TextChoices):
    DEMONSTRATION = "demonstration", _("Demonstration")
    RANKING = "ranking", _("Ranking")


class AssignmentState(models.TextChoices):
    """LAPSED: the lease ran out; the slot went back to the queue and the draft stays with its author."""

    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    SKIPPED = "skipped", _("Skipped")
    LAPSED = "lapsed", _("Lapsed")


class CompositionKind(models.TextChoices):
    """What a labeler may begin without being handed it: both sides of a dialogue, a chat with the model, a prompt."""

    DIALOGUE = "dialogue", _("Dialogue")
    CHAT = "chat", _("Chat")
    OWN_PROMPT = "own_prompt", _("Own prompt")
    EDIT = "edit", _("Edit")


class CompositionState(models.TextChoices):
    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    DISCARDED = "discarded", _("Discarded")


class RevisionState(models.TextChoices):
    """KEPT: the labeler left what was handed in as it was."""

    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    KEPT = "kept", _("Kept as it was")


class SuggestionState(models.TextChoices):
    """CANCELLED: the labeler went on without, asked anew, or closed the writing."""

    WAITING = "waiting", _("Waiting")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class SuggestionFailure(models.TextChoices):
    NO_MODEL = "no_model", _("No model")
    TOO_LONG = "too_long", _("Too long")
    TOO_LATE = "too_late", _("Too late")
    ERROR = "error", _("Error")


class SuggestionOutcome(models.TextChoices):
    USED = "used", _("Used")
    EDITED = "edited", _("Edited")
    DISMISSED = "dismissed", _("Dismissed")


class ImportState(models.TextChoices):
    """CHECKING: a pass reads the file and writes nothing. UNDONE: all that came in was taken out again."""

    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    UNDONE = "undone", _("Undone")


class SamplingState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class SamplingFailure(models.TextChoices):
    """Why a sampling run failed."""

    PROMPT = "prompt", _("The prompt does not fit the model")
    MODEL = "model", _("The model computes nothing usable")
    MEMORY = "memory", _("Out of memory")
    UNREACHABLE = "unreachable", _("The model or its server can't be sampled from")
    WORKER_DIED = "worker_died", _("The worker died")
    OTHER = "other", _("Something else")


class ScoringState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class ExportState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class ModelKind(models.TextChoices):
    """SFT: a language model that answers, whatever it was trained by (labeling/policies/)."""

    SFT = "sft", _("SFT")
    REWARD = "reward", _("Reward")


class ModelState(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    CURRENT = "current", _("Current")
    RETIRED = "retired", _("Retired")


class ModelBackend(models.TextChoices):
    """Where a model version is sampled from. The values but the first are those of sampler/backends/dialects.py."""

    LOCAL = "local", _("Sampling workers")
    VLLM = "vllm", _("vLLM server")
    SGLANG = "sglang", _("SGLang server")
    OPENAI = "openai", _("Other server with OpenAI's API")


class CheckState(models.TextChoices):
    """Whether a worker could load a model version and use it once."""

    WAITING = "waiting", _("Waiting")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")


class RunState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    EXPORTING = "exporting", _("Exporting")
    TRAINING = "training", _("Training")
    EVALUATING = "evaluating", _("Evaluating")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class PolicyStage(models.TextChoices):
    """What a policy is trained by: demonstrations, a reward model, or rankings directly."""

    SFT = "sft", _("SFT")
    PPO = "ppo", _("PPO")
    DPO = "dpo", _("DPO")


ACTIVE_RUN_STATES = (RunState.QUEUED, RunState.EXPORTING, RunState.TRAINING, RunState.EVALUATING)


class EvaluationState(models.TextChoices):
    """PLANNED: it may still be started or dropped. DONE: it has a verdict. STOPPED: by hand, without one."""

    PLANNED = "planned", _("Planned")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")


class Verdict(models.TextChoices):
    """What an evaluation said of its candidate. UNDECIDED: all was judged, and neither is shown."""

    PASSED = "passed", _("Not worse than allowed")
    FAILED = "failed", _("Worse than allowed")
    UNDECIDED = "undecided", _("Not decided")


class TurnState(models.TextChoices):
    """The steps of a turn of the loop (labeling/loop/), and its ends. ENDED: without a new policy, for a reason."""

    RANKINGS = "rankings", _("Waiting for rankings")
    REWARD_MODEL = "reward_model", _("Reward model")
    POLICY = "policy", _("Policy")
    EVALUATION = "evaluation", _("Evaluation")
    PROMOTED = "promoted", _("Policy promoted")
    ENDED = "ended", _("Ended")


OPEN_TURN_STATES = (TurnState.RANKINGS, TurnState.REWARD_MODEL, TurnState.POLICY, TurnState.EVALUATION)


class RewardGate(models.TextChoices):
    """What is asked of a new reward model before a policy is trained against it."""

    PROMOTED = "promoted", _("It was promoted")
    NOT_WORSE = "not_worse", _("It is not worse on the frozen test set")


class SkipReason(models.TextChoices):
    UNCLEAR = "unclear", _("Unclear")
    NO_EXPERTISE = "no_expertise", _("No expertise")
    HARMFUL_TO_ME = "harmful_to_me", _("Harmful to me")
    WRONG_LANGUAGE = "wrong_language", _("Wrong language")
    BROKEN = "broken", _("Broken")


class ContentWarning(models.TextChoices):
    """What a prompt may hold that some people would rather not meet; each labeler opts out of what they like."""

    VIOLENCE = "violence", _("Violence")
    SEXUAL = "sexual", _("Sexual content")
    SELF_HARM = "self_harm", _("Self-harm and suicide")
    HATE = "hate", _("Hate and insults")
    MEDICAL = "medical", _("Illness and medicine")
    OTHER_SENSITIVE = "other_sensitive", _("Other sensitive content")


class PromptSource(models.TextChoices):
    """Where a prompt came from: the three labeler kinds of InstructGPT §3.2, the API or playground, or a file."""

    LABELER_PLAIN = "labeler_plain", _("Labeler, plain")
    LABELER_FEW_SHOT = "labeler_few_shot", _("Labeler, few-shot")
    LABELER_USER_BASED = "labeler_user_based", _("Labeler, user-based")
    API = "api", _("API")
    PLAYGROUND = "playground", _("Playground")
    IMPORT = "import", _("Import")


class ConversationState(models.TextChoices):
    """Of a conversation that somebody let us keep. HELD: it holds personal data, and somebody has to look."""

    KEPT = "kept", _("Kept")
    HELD = "held", _("Held back")
    PASSED_OVER = "passed_over", _("Passed over")
    PROMPT = "prompt", _("Prompt")


class PersonalDataRule(models.TextChoices):
    """What is done with a conversation that holds personal data, before it becomes a prompt."""

    MASK = "mask", _("Mask it")
    HOLD = "hold", _("Hold it until somebody has looked")


class UseCase(models.TextChoices):
    """The ten use cases of InstructGPT's Table 1."""

    GENERATION = "generation", _("Generation")
    OPEN_QA = "open_qa", _("Open QA")
    BRAINSTORMING = "brainstorming", _("Brainstorming")
    CHAT = "chat", _("Chat")
    REWRITE = "rewrite", _("Rewrite")
    SUMMARIZATION = "summarization", _("Summarization")
    CLASSIFICATION = "classification", _("Classification")
    OTHER = "other", _("Other")
    CLOSED_QA = "closed_qa", _("Closed QA")
    EXTRACT = "extract", _("Extract")


class Strength(models.IntegerChoices):
    """How much better the upper of two ranks is (Llama 2, §3.2.1)."""

    SIGNIFICANTLY = 4, _("Significantly better")
    BETTER = 3, _("Better")
    SLIGHTLY = 2, _("Slightly better")
    NEGLIGIBLY = 1, _("Negligibly better or unsure")


class ApiScope(models.TextChoices):
    """What an API token is for. The account behind it needs the permission as well."""

    CAMPAIGNS_READ = "campaigns:read", _("Campaigns and their progress: read")
    PROMPTS_READ = "prompts:read", _("Prompts: read")
    PROMPTS_WRITE = "prompts:write", _("Prompts: add")
    SNAPSHOTS_READ = "snapshots:read", _("Snapshots: list and download")
    SNAPSHOTS_WRITE = "snapshots:write", _("Snapshots: make")
    MODELS_READ = "models:read", _("Model versions, training runs and evaluations: read")
    LABELERS_READ = "labelers:read", _("Labelers and skills: read")
    LABELERS_WRITE = "labelers:write", _("Labelers: set languages and skills")
    SCORES = "scores", _("Rewards: ask for them")
    WEBHOOKS = "webhooks", _("Webhooks: set up and remove")
    CHAT = "chat", _("The current policy: ask it for answers")


class WebhookEvent(models.TextChoices):
    RANKING_SUBMITTED = "ranking.submitted", _("A ranking was handed in")
    SNAPSHOT_CREATED = "snapshot.created", _("A snapshot was made")
    RUN_ENDED = "training_run.ended", _("A training run ended")
    POLICY_RUN_ENDED = "policy_run.ended", _("A policy run ended")
    EVALUATION_ENDED = "evaluation.ended", _("An evaluation ended")
    MODEL_PROMOTED = "model.promoted", _("A model was promoted")
    ALERT_OPENED = "alert.opened", _("Something went wrong")
    ALERT_CLOSED = "alert.closed", _("What went wrong is over")


class AlertKind(models.TextChoices):
    """What can go wrong, as it is told and silenced."""

    QUEUE_EMPTY = "queue_empty", _("A campaign has nothing to rank")
    WORKER_GONE = "worker_gone", _("A worker is gone")
    WORK_FAILS = "work_fails", _("Workers fail again and again")
    MODEL_UNUSABLE = "model_unusable", _("A model can't be used")
    RETRAINING_FAILED = "retraining_failed", _("A training run failed")
    AGREEMENT_DOWN = "agreement_down", _("Agreement between labelers went down")
    SENTINEL_MOVED = "sentinel_moved", _("Labelers judge a sentinel otherwise than before")
    GOLD_FAILED = "gold_failed", _("A labeler fails gold items")
    DISK_LOW = "disk_low", _("A disk is almost full")
    REDIS_DOWN = "redis_down", _("Redis can't be reached")


class DeliveryState(models.TextChoices):
    """FAILED: given up after the last attempt."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class PayPeriodState(models.TextChoices):
    """FROZEN: its entries are made, and only corrections are added. PAID: nothing is added any more."""

    OPEN = "open", _("Open")
    FROZEN = "frozen", _("Frozen")
    PAID = "paid", _("Paid")


class PayEntryKind(models.TextChoices):
    """BONUS follows from the campaign's terms; GIVEN is a bonus that an admin gave by hand."""

    WORK = "work", _("Work")
    BONUS = "bonus", _("Bonus")
    GIVEN = "given", _("Given bonus")
    CORRECTION = "correction", _("Correction")


class SurveyState(models.TextChoices):
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")


class ReviewReason(models.TextChoices):
    """Why work stands in the reviewers' queue, the most urgent first.

    ANSWERED: its labeler revised or answered what was returned. CHANGED: handed in after the task was adjudicated.
    """

    ANSWERED = "answered", _("Answered")
    ASKED_FOR = "asked_for", _("Asked for")
    CHANGED = "changed", _("Changed since adjudicated")
    LOW_AGREEMENT = "low_agreement", _("Low agreement")
    DOUBTFUL = "doubtful", _("Doubtful")
    NEW_LABELER = "new_labeler", _("New labeler’s work")
    RANDOM = "random", _("Random share")


class ReviewState(models.TextChoices):
    """ANSWERED: what was returned was revised or answered, and waits as a review of its own. WITHDRAWN: no decision."""

    WAITING = "waiting", _("Waiting")
    ACCEPTED = "accepted", _("Accepted")
    RETURNED = "returned", _("Returned")
    ANSWERED = "answered", _("Answered")
    FIXED = "fixed", _("Fixed")
    ADJUDICATED = "adjudicated", _("Adjudicated")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ReportState(models.TextChoices):
    """What became of a report that a task is broken."""

    OPEN = "open", _("Open")
    SET_ASIDE = "set_aside", _("Set aside")
    DISMISSED = "dismissed", _("Dismissed")


class LabelsChosen(models.TextChoices):
    """Which rankings an export holds of a task that several people ranked."""

    ALL = "all", _("All: each labeler's own")
    CONSENSUS = "consensus", _("Consensus: one a task")
    ADJUDICATED = "adjudicated", _("Adjudicated tasks alone")


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
