"""What turns and loops say in English, listed so that their page can say it in the reader's language."""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.told import told
from labeling.base.states import Verdict
from labeling.loop.models import STEPS
from labeling.policies.admin.sentences import FAILURES

SENTENCES = (
    _("Nobody has let it begin."),
    _("Somebody paused it."),
    _("“%(why)s” is done, and somebody wants to look before the turn goes on."),
    _("The reward model “%(version)s” was not good enough to go on with. %(why)s"),
    _("How the policy is rewarded on held-out prompts is not known, so its gain can't be judged."),
    _("The reward on held-out prompts went from %(started)s to %(reached)s, a gain of %(gain)s; at least %(least)s is "
      "asked for."),
    _("The KL of the policy to its start is not known, so it can't be held to a bound."),
    _("The KL of the policy to its start is %(kl)s nats an answer; %(most)s are allowed."),
    _("People do not prefer “%(version)s” enough: %(why)s."),
    _("The evaluation was stopped: %(reason)s"),
    _("The worker that tried “%(version)s” failed: %(why)s"),
    _("A sampling worker tries “%(version)s” first."),
    _("“%(version)s” was retired meanwhile: %(reason)s"),
    _("%(run)s failed: %(why)s"),
    _("%(run)s is under way; this turn's begins after it."),
    _("“%(version)s” entered the mixture of “%(campaign)s”."),
    _("The mixture of “%(campaign)s” is full, so “%(version)s” did not enter it; take a line out by hand."),
    *(word for _value, word in STEPS),
    *(verdict.label for verdict in Verdict),
    *FAILURES,
)  # fmt: skip


def said_in_words(text: str) -> str:
    """In the reader's language where it is known: the whole text, which may end with a log, or line by line."""
    whole = told(text, SENTENCES)
    return whole if whole != text else "\n".join(told(line, SENTENCES) for line in text.splitlines())
