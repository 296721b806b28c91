"""Pages that say why work can't continue, with what was entered and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.refusals import LabelerNotActive, Refusal
from labeling.base.states import LabelerState
from labeling.desk.models import Assignment, HeldWork
from labeling.desk.queries.work import has_free_place, other_open_work
from labeling.desk.rules.drafts import LONGEST_DRAFT, KeptJudgement, kept_texts
from labeling.people.views.access import words_for_state


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was entered, shown so that it can be read and copied."""

    text: str = ""
    language: str = ""
    judgements: list[KeptJudgement] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class WorkInterruption(Interruption):
    kept: Kept | None


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is said of a refusal."""

    title: str
    text: str
    icon: str


def overview() -> Action:
    return Action(label=_("Back to the overview"), url=reverse("overview"))


def refused(
    request: HttpRequest,
    held: HeldWork,
    refusal: Refusal,
    *,
    words: dict[type[Refusal], Words],
    actions: list[Action],
    kept: Kept | None,
) -> HttpResponse:
    """Why work can't go on, with what was entered. 409: not while the labeler is not active; 410: not any more."""
    if isinstance(refusal, LabelerNotActive):
        title, text = words_for_state(LabelerState(held.labeler.state))
        page = WorkInterruption(title=title, text=text, icon="pause", actions=actions, kept=kept)
        return show_interruption(request, page, status=409)
    said = words[type(refusal)]
    page = WorkInterruption(title=said.title, text=said.text, icon=said.icon, actions=actions, kept=kept)
    return show_interruption(request, page, status=410)


def too_long_to_keep(request: HttpRequest, draft: Mapping[str, object], *, back: str) -> HttpResponse:
    """What was sent is longer than any draft may be: it is shown so that it can be copied, and was not saved."""
    text = _("This is more than %(limit)s characters in all and could not be saved. Copy it from here and shorten it.")
    page = WorkInterruption(
        title=_("Too long to be saved"),
        text=text % {"limit": f"{LONGEST_DRAFT:,}"},
        icon="alert",
        actions=[Action(label=_("Back to your work"), url=back)],
        kept=Kept(text=kept_texts(draft)),
    )
    return show_interruption(request, page, status=413)


def closed_campaign(held: HeldWork) -> Words:
    text = _("“%(campaign)s” was closed while you were at it, so it takes no more work. Your text is kept.")
    return Words(title=_("This campaign is closed"), text=text % {"campaign": held.campaign.name}, icon="closed")


def lapsed(
    request: HttpRequest, assignment: Assignment, *, kept: Kept | None, onward: Action, status: int = 200
) -> HttpResponse:
    """The lease ran out: taken up again if there is a place, otherwise kept to read. `onward`: to the next work."""
    other = other_open_work(assignment)
    if other:
        text = _("You have another task of this kind in progress. Finish or skip it first, then come back to this one.")
        action = Action(label=_("Go to your other task"), url=reverse("work", args=[other]))
    elif has_free_place(assignment):
        text = _("It went back to the queue because nothing was saved for a while. Nobody has taken it yet.")
        action = Action(label=_("Continue this task"), url=reverse("work_resume", args=[assignment.token]), posts=True)
    else:
        text = _("It went back to the queue because nothing was saved for a while, and somebody else took it.")
        action = onward
    page = WorkInterruption(
        title=_("Your time with this task ran out"), text=text, icon="clock", actions=[action, overview()], kept=kept
    )
    return show_interruption(request, page, status=status)
