"""The states of training runs, evaluations and turns of the loop."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
