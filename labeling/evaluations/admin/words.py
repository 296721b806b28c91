"""What an evaluation's page says, in the reader's language: from the numbers, not from stored words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.told import told
from labeling.base.states import EvaluationState, Verdict
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.prompts import judges_of, progress_of
from labeling.evaluations.rules.gate import Decision
from labeling.evaluations.rules.planning import gain_found_by, power_of, prompts_for_one_look, prompts_needed
from labeling.model_versions.queries import current_sft_model

NOTES = (
    lazy("Promoted."),
    lazy("Promoted as soon as a worker has used it once."),
    lazy("Not promoted: %(why)s"),
    lazy("“%(version)s” is current already."),
    lazy("“%(version)s” was retired meanwhile: %(reason)s"),
    lazy("Meanwhile “%(current)s” is current, and the candidate was held against “%(baseline)s”. Evaluate them against "
         "each other, or promote it on its own page."),
)  # fmt: skip
"""What services write as `note` (services/promoting.py)."""


def note_in_words(evaluation: Evaluation) -> str:
    return told(evaluation.note, NOTES)


def verdict_in_words(evaluation: Evaluation) -> str:
    """ "" while there is none."""
    against = {"candidate": evaluation.candidate, "baseline": baseline_of(evaluation)}
    if evaluation.verdict == Verdict.PASSED:
        if evaluation.margin:
            return _("Passed: “%(candidate)s” is not worse than “%(baseline)s” by more than was allowed.") % against
        return _("Passed: “%(candidate)s” is preferred to “%(baseline)s”.") % against
    if evaluation.verdict == Verdict.FAILED:
        if evaluation.margin:
            return _("Failed: “%(candidate)s” is worse than “%(baseline)s” by more than was allowed.") % against
        return _("Failed: “%(baseline)s” is preferred to “%(candidate)s”.") % against
    if evaluation.verdict == Verdict.UNDECIDED:
        return _("Not decided: all prompts are judged, and neither is shown.")
    return ""


def baseline_of(evaluation: Evaluation) -> str:
    return str(evaluation.baseline) if evaluation.baseline else _("human demonstrations")


def found_in_words(evaluation: Evaluation) -> list[str]:
    """How it stands, sentence by sentence."""
    decision: Decision | None = evaluation.decision
    said = [_plan(evaluation)]
    if evaluation.state != EvaluationState.PLANNED:
        said.append(_stands(evaluation))
    if decision and decision["prompts"]:
        said.append(_bounds(decision))
    return said


def _plan(evaluation: Evaluation) -> str:
    rule = evaluation.rule
    return _(
        "It passes where the win rate is above %(needed)s with %(confidence)s confidence. Planned are %(size)d "
        "prompts: a candidate that wins %(expected)s passes with a chance of %(power)s, and mostly sooner. A test that "
        "looks only once, at the end, would need %(once)d."
    ) % {
        "needed": f"{rule.null:.1%}",
        "confidence": f"{rule.confidence:.1%}",
        "size": evaluation.size,
        "expected": f"{0.5 + rule.gain:.1%}",
        "power": f"{power_of(rule, evaluation.size):.0%}",
        "once": prompts_for_one_look(rule),
    }


def _stands(evaluation: Evaluation) -> str:
    progress = progress_of(evaluation)
    if evaluation.state in (EvaluationState.DONE, EvaluationState.STOPPED):
        return _("%(judged)d of %(size)d prompts were judged. No more are asked.") % {
            "judged": progress.asked - progress.waiting, "size": evaluation.size,
        }  # fmt: skip
    return _("%(asked)d of %(size)d prompts were asked; still to be sampled or ranked: %(waiting)d.") % {
        "asked": progress.asked, "size": evaluation.size, "waiting": progress.waiting,
    }  # fmt: skip


def _bounds(decision: Decision) -> str:
    return _(
        "After %(prompts)d prompts (ties: %(ties)d) the win rate is %(rate)s; with %(confidence)s confidence it is "
        "above %(low)s, and with as much below %(high)s, however often one looks."
    ) % {
        "prompts": decision["prompts"],
        "ties": decision["ties"],
        "rate": f"{decision['win_rate'] or 0:.1%}",
        "confidence": f"{decision['confidence']:.1%}",
        "low": f"{decision['low']:.1%}",
        "high": f"{decision['high']:.1%}",
    }


def warnings_in_words(evaluation: Evaluation) -> list[str]:
    """What whoever starts or watches it should know; nothing once it has ended."""
    if evaluation.state not in (EvaluationState.PLANNED, EvaluationState.RUNNING):
        return []
    found = []
    if evaluation.size < (needed := prompts_needed(evaluation.rule)):
        found.append(_too_few(evaluation, needed))
    if not judges_of(evaluation.source, held_out_only=evaluation.held_out_only).exists():
        found.append(
            _("No active labeler may judge it: none of those who know its languages is held out. Invite some as held "
              "out, or plan it for all labelers.")
            if evaluation.held_out_only
            else _("No active labeler may judge it: none knows its languages and has its skills.")
        )  # fmt: skip
    elif not evaluation.held_out_only and not evaluation.source.simulated:
        found.append(
            _("Labelers judge it from whose rankings reward models learned. Their taste is what the models were made "
              "to please.")
        )  # fmt: skip
    if current_sft_model() is None:
        found.append(_("No model is current. Nothing is sampled until one is."))
    return found


def _too_few(evaluation: Evaluation, needed: int) -> str:
    rule = evaluation.rule
    return _(
        "%(needed)d prompts are needed, and the split %(split)s has %(there)d. So many show a win rate of %(found)s "
        "with a chance of %(power)s. Add prompts of further submitters, or allow more."
    ) % {
        "needed": needed,
        "split": evaluation.get_split_display(),
        "there": evaluation.size,
        "found": f"{0.5 + gain_found_by(rule, evaluation.size):.1%}",
        "power": f"{rule.power:.0%}",
    }
