"""What policy runs say in English, listed so that their pages can say it in the reader's language."""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.told import told

DECISIONS = (
    _("Kept as candidate: a policy is promoted by hand, or by an evaluation with people."),
    _("“%(version)s” was retired meanwhile; the run went on with it as it was recorded."),
    _("The training stopped by itself: %(reason)s"),
    _("What “%(version)s” was measured on is not known here, so nobody could see whether these prompts are among it."),
)
"""The lines of PolicyRun.decision."""


def decision_in_words(decision: str) -> str:
    """Each line in the reader's language where it is known."""
    return "\n".join(told(line, DECISIONS) for line in decision.splitlines())
