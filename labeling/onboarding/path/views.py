"""The page of the way in: which steps there are, what is done, what comes."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_safe

from labeling.base.interruptions import Action
from labeling.base.states import LabelerState
from labeling.onboarding.path.queries import Path, Step, path_of
from labeling.onboarding.stages.queries import Progress
from labeling.people.models import Labeler
from labeling.people.views.access import LabelerRequest, labeler_page, words_for_state


@dataclass(frozen=True, kw_only=True)
class ShownStep:
    """`state`: done, now or later."""

    title: str
    text: str
    state: str
    actions: list[Action]


@require_safe
@labeler_page
def path(request: LabelerRequest) -> HttpResponse:
    return show_path(request)


def show_path(request: LabelerRequest) -> HttpResponse:
    """Also the start page of whoever has no desk."""
    found = path_of(request.labeler)
    title, text = _heading(request.labeler, found)
    context = {"title": title, "text": text, "path": found, "steps": shown_steps(found)}
    return render(request, "onboarding/path.html", context)


def step_now(labeler: Labeler) -> ShownStep | None:
    """For the start page of whoever is screened or practises; None for all others."""
    if labeler.state not in (LabelerState.SCREENING, LabelerState.PRACTICE):
        return None
    return next((step for step in shown_steps(path_of(labeler)) if step.state == "now"), None)


def shown_steps(found: Path) -> list[ShownStep]:
    return [
        ShownStep(
            title=str(_titles()[step]),
            text=_text(step, found),
            state="done" if step in found.done else "now" if step == found.now else "later",
            actions=_actions(step, found),
        )
        for step in found.steps
    ]


def _heading(labeler: Labeler, found: Path) -> tuple[str, str]:
    state = LabelerState(labeler.state)
    if state == LabelerState.SUSPENDED and found.is_refused:
        return _("Thank you for taking part"), _(
            "We looked at your answers with care, and we can't offer you work in this project. That says nothing about "
            "you: the cutoffs are strict, and people whom we value miss them. What you entered is kept under a number, "
            "not under your name."
        )
    if state == LabelerState.PRACTICE and (found.practising.left or found.practised):
        return _("You are practising"), _(
            "Rank as you would in real work. After each one you see the researchers’ answer and why."
        )
    if state == LabelerState.ACTIVE:
        return _("You are in"), _("Real work is open to you. Your start page shows what there is to do.")
    if state == LabelerState.SCREENING and found.now != Step.DECISION and found.prepared:
        return _("Welcome to Concord"), _(
            "These steps lead to your first task. Take the time that you need: whatever you enter is kept, and you can "
            "leave and come back."
        )
    return words_for_state(state)


def _titles() -> dict[Step, str]:
    return {
        Step.ACCOUNT: _("Your account"),
        Step.ABOUT_YOU: _("What you can judge"),
        Step.INSTRUCTIONS: _("The instructions"),
        Step.SCREENING: pgettext("stage", "Screening"),
        Step.DECISION: _("A decision"),
        Step.PRACTICE: pgettext("stage", "Practice"),
        Step.WORK: _("Your first tasks"),
    }


def _text(step: Step, found: Path) -> str:
    match step:
        case Step.ACCOUNT:
            return _("Made.")
        case Step.ABOUT_YOU:
            return _("Which topics and which groups of people you know well enough to notice what hurts.")
        case Step.INSTRUCTIONS:
            if not found.to_read and step not in found.done:
                return _("They come before the first task of each campaign.")
            return _("What is good and what is not, and why. They stay one key away while you work.")
        case Step.SCREENING:
            return _screening_text(found)
        case Step.DECISION:
            return _decision_text(found)
        case Step.PRACTICE:
            return _practice_text(found)
    return _work_text(found)


def _screening_text(found: Path) -> str:
    if Step.DECISION in found.done:
        return _("Done.")
    if not found.rankings.total + found.writing.total:
        return _("It is being prepared for your languages. You’ll find it here.")
    parts = [
        _("%(done)d of %(total)d %(what)s") % {"done": progress.done, "total": progress.total, "what": what}
        for progress, what in ((found.rankings, _("rankings")), (found.writing, _("demonstrations")))
        if progress.total
    ]
    return _("%(parts)s. Researchers answered the same; your answers are compared under a number.") % {
        "parts": " · ".join(parts)
    }


def _decision_text(found: Path) -> str:
    if found.is_refused:
        return _("Made. You were not admitted.")
    if Step.DECISION in found.done:
        return _("Made. You were admitted.")
    if found.now == Step.DECISION:
        return _("You have done your part. A person looks at your answers now, without your name.")
    return _("A person looks at your answers, without your name.")


def _practice_text(found: Path) -> str:
    practice = found.practice
    if Step.PRACTICE in found.done:
        return _("Done.")
    asked = ngettext(
        "It ends once the last %(items)d ranking agrees with the researchers in %(wanted)d %% of the pairs.",
        "It ends once the last %(items)d rankings agree with the researchers in %(wanted)d %% of the pairs.",
        practice.items,
    ) % {"items": practice.items, "wanted": practice.wanted}
    if not practice.done:
        return asked
    so_far = _("%(done)d ranked so far.") % {"done": practice.done}
    if practice.agreement is not None:
        so_far += " " + _("The last %(items)d agree in %(percent)d %%.") % {
            "items": practice.items,
            "percent": int(practice.agreement),
        }
    if not found.practising.left and found.now == Step.PRACTICE:
        return f"{so_far} {_('You have ranked all that there is to practise; a person looks at it next.')}"
    return f"{so_far} {asked}"


def _work_text(found: Path) -> str:
    if not found.work_done:
        return _("Real prompts of real people.")
    return ngettext("%(done)d handed in.", "%(done)d handed in.", found.work_done) % {"done": found.work_done}


def _actions(step: Step, found: Path) -> list[Action]:
    """What can be done at this step now."""
    if step == Step.ABOUT_YOU and found.now is not None and Step.DECISION not in found.done:
        label = _("Change it") if step in found.done else _("Fill it in")
        return [Action(label=label, url=reverse("about_you"))]
    if step == Step.INSTRUCTIONS:
        return [
            Action(
                label=_("Read: %(campaign)s") % {"campaign": each.name},
                url=reverse("instructions", args=[each.slug], query={"back": reverse("path")}),
            )
            for each in found.to_read
        ]
    if step != found.now and not (step == Step.SCREENING and found.now in (Step.ABOUT_YOU, Step.INSTRUCTIONS)):
        return []
    if step == Step.SCREENING:
        return [
            *_next(found.rankings, label=pgettext("do", "Rank"), url=reverse("next_ranking")),
            *_next(found.writing, label=_("Write"), url=reverse("next_demonstration")),
        ]
    if step == Step.PRACTICE:
        return _next(found.practising, label=_("Go on practising"), url=reverse("next_ranking"))
    if step == Step.WORK:
        return [Action(label=_("Open the overview"), url=reverse("overview"))]
    return []


def _next(progress: Progress, *, label: str, url: str) -> list[Action]:
    """What was begun comes before what is new."""
    if progress.begun:
        return [Action(label=_("Go on with what you began"), url=reverse("work", args=[progress.begun[0]]))]
    return [Action(label=label, url=url, posts=True)] if progress.left else []
