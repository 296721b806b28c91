"""What policy runs say in English, listed so that their pages can say it in the reader's language."""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.told import told
from labeling.training.admin.sentences import FAILURES as TRAINING_FAILURES

DECISIONS = (
    _("Kept as candidate: a policy is promoted by hand, or by an evaluation with people."),
    _("“%(version)s” was retired meanwhile; the run went on with it as it was recorded."),
    _("The training stopped by itself: %(reason)s"),
    _("What “%(version)s” was measured on is not known here, so nobody could see whether these prompts are among it."),
)
"""The lines of PolicyRun.decision."""


FAILURES = (
    *TRAINING_FAILURES,
    _(
        "There is no demonstration to learn from yet: the split train has none. Have some written, or ask for those of "
        "simulated labelers to be included."
    ),
    _(
        "There is no prompt to train on yet: the split train has none that is not set aside. Import prompts into a "
        "campaign, or ask for simulated campaigns to be included."
    ),
    _(
        "There is no comparison to learn from yet: the split train has no ranking with two different ranks. Have more "
        "ranked, or ask for what simulated labelers made to be included."
    ),
    _(
        "%(count)s prompts of the split train of %(snapshot)s begin like prompts that “%(version)s” is measured on "
        "(%(other)s). A policy is trained on prompts of that split alone: choose another snapshot."
    ),
)
"""Of a run of either kind: `failure` and `interruption`."""


def failure_in_words(text: str) -> str:
    """Why a run of either kind failed or was interrupted, in the reader's language where it is known."""
    return told(text, FAILURES)


def decision_in_words(decision: str) -> str:
    """Each line in the reader's language where it is known."""
    return "\n".join(told(line, DECISIONS) for line in decision.splitlines())
