"""Calm pages: what happened, what was kept, and what to do next. One for every way in which work can be interrupted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.base.refusals import (
    AlreadyDiscarded,
    AlreadySkipped,
    CampaignNotOpen,
    LabelerNotActive,
    LeaseLost,
    NotRevisable,
    Refusal,
    WorkSetAside,
)
from labeling.base.states import AssignmentKind, LabelerState
from labeling.desk.models import Assignment
from labeling.desk.queries.work import has_free_place, other_open_work
from labeling.desk.rules.drafts import KeptJudgement, kept_judgements, kept_text, kept_texts
from labeling.desk.services.revisions import REVISABLE
from labeling.people.models import Labeler
from labeling.writing.models import Composition


@dataclass(frozen=True, kw_only=True)
class Action:
    """A way on: a link, or a button that posts."""

    label: str
    url: str
    posts: bool = False


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was entered, shown so that it can be read and copied."""

    text: str = ""
    language: str = ""
    judgements: list[KeptJudgement] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CalmPage:
    """The first action is the one to take."""

    title: str
    text: str
    icon: str
    actions: list[Action]
    kept: Kept | None = None


def show(request: HttpRequest, page: CalmPage, *, status: int = 200) -> HttpResponse:
    return render(request, "desk/interruption.html", {"page": page, "icon": f"icons/{page.icon}.svg"}, status=status)


def no_profile(request: HttpRequest) -> HttpResponse:
    """For staff, whose place is the admin, and for accounts that nobody made a labeler yet."""
    if request.user.is_staff:
        admin = Action(label=_("Open the admin"), url=reverse("admin:index"))
        text = _("You run Concord; your account has no labeler's profile, so there is nothing to label here.")
        return show(request, CalmPage(title=_("Your place is the admin"), text=text, icon="desk", actions=[admin]))
    text = _("You are logged in, but nobody has made you a labeler yet. Ask whoever gave you this account.")
    return show(request, CalmPage(title=_("Almost there"), text=text, icon="pause", actions=[]))


def not_active(request: HttpRequest, labeler: Labeler) -> HttpResponse:
    title, text = _words_for(LabelerState(labeler.state))
    past = Action(label=_("Your submissions"), url=reverse("history"))
    return show(request, CalmPage(title=title, text=text, icon="pause", actions=[past]))


def _words_for(state: LabelerState) -> tuple[str, str]:
    if state == LabelerState.SUSPENDED:
        text = _("Your account is paused, so no work is handed out to it. What you did and what you began are kept.")
        return _("Your account is paused"), text
    if state == LabelerState.SCREENING:
        return _("You are being screened"), _(
            "Your answers are being looked at. You'll find work here once that is done."
        )
    return _("Welcome to Concord"), _("Your account is ready. You'll find work here once you have been admitted.")


def refused(
    request: HttpRequest, assignment: Assignment, refusal: Refusal, *, draft: Mapping[str, object]
) -> HttpResponse:
    """Why the work can't go on, with the draft. 409: not now; 410: not any more."""
    kept = kept_of(assignment, draft)
    overview = Action(label=_("Back to the overview"), url=reverse("overview"))
    onward = next_of_kind(assignment.kind)
    if isinstance(refusal, LabelerNotActive):
        title, text = _words_for(LabelerState(assignment.labeler.state))
        return show(request, CalmPage(title=title, text=text, icon="pause", actions=[overview], kept=kept), status=409)
    if isinstance(refusal, CampaignNotOpen):
        text = _("“%(campaign)s” was closed while you were at it, so it takes no more work. Your text is kept.")
        page = CalmPage(
            title=_("This campaign is closed"),
            text=text % {"campaign": assignment.campaign.name},
            icon="closed",
            actions=[onward, overview],
            kept=kept,
        )
        return show(request, page, status=410)
    if isinstance(refusal, AlreadySkipped):
        text = _("You skipped this task, and it went back to the queue for somebody else.")
        page = CalmPage(title=_("You skipped this one"), text=text, icon="skip", actions=[onward, overview], kept=kept)
        return show(request, page, status=410)
    assert isinstance(refusal, LeaseLost), refusal
    return lapsed(request, assignment, draft=draft, status=409)


def refused_composition(
    request: HttpRequest, composition: Composition, refusal: Refusal, *, draft: Mapping[str, object]
) -> HttpResponse:
    """Why own writing can't go on, with what was written. 409: not now; 410: not any more."""
    overview = Action(label=_("Back to the overview"), url=reverse("overview"))
    written = kept_texts(draft)
    kept = Kept(text=written, language="") if written else None
    if isinstance(refusal, LabelerNotActive):
        title, text = _words_for(LabelerState(composition.labeler.state))
        return show(request, CalmPage(title=title, text=text, icon="pause", actions=[overview], kept=kept), status=409)
    if isinstance(refusal, AlreadyDiscarded):
        text = _("You discarded this. What you had written can still be read and copied here.")
        page = CalmPage(title=_("Discarded"), text=text, icon="skip", actions=[overview], kept=kept)
        return show(request, page, status=410)
    assert isinstance(refusal, CampaignNotOpen), refusal
    text = _("“%(campaign)s” was closed while you were at it, so it takes no more work. Your text is kept.")
    page = CalmPage(
        title=_("This campaign is closed"),
        text=text % {"campaign": composition.campaign.name},
        icon="closed",
        actions=[overview],
        kept=kept,
    )
    return show(request, page, status=410)


def refused_revision(
    request: HttpRequest, assignment: Assignment, refusal: Refusal, *, draft: Mapping[str, object] | None = None
) -> HttpResponse:
    """Why what was handed in can't be revised, with what was changed. 409: not now; 410: not any more."""
    actions = [
        Action(label=_("What you submitted"), url=reverse("submission", args=[assignment.token])),
        Action(label=_("Your submissions"), url=reverse("history")),
    ]
    kept = kept_of(assignment, draft or {})
    if isinstance(refusal, LabelerNotActive):
        title, text = _words_for(LabelerState(assignment.labeler.state))
        page = CalmPage(title=title, text=text, icon="pause", actions=actions, kept=kept)
        return show(request, page, status=409)
    title, text, icon = _words_for_revision(assignment, refusal)
    return show(request, CalmPage(title=title, text=text, icon=icon, actions=actions, kept=kept), status=410)


def _words_for_revision(assignment: Assignment, refusal: Refusal) -> tuple[str, str, str]:
    if isinstance(refusal, CampaignNotOpen):
        text = _("“%(campaign)s” was closed, so it takes no revisions. Your submission counts as it is.")
        return _("This campaign is closed"), text % {"campaign": assignment.campaign.name}, "closed"
    if isinstance(refusal, WorkSetAside):
        text = _("Somebody found it unfit, so nobody works on it any more. Your submission stays as it is.")
        return _("This was set aside"), text, "closed"
    assert isinstance(refusal, NotRevisable), refusal
    text = _("You can revise your last %(count)d submissions. This one is older: it can be read.")
    return _("Too long ago to revise"), text % {"count": REVISABLE}, "history"


def lapsed(
    request: HttpRequest, assignment: Assignment, *, draft: Mapping[str, object], status: int = 200
) -> HttpResponse:
    """The lease ran out: taken up again if there is a place, otherwise kept to read."""
    other = other_open_work(assignment)
    if other:
        text = _("You have another task of this kind in progress. Finish or skip it first, then come back to this one.")
        action = Action(label=_("Go to your other task"), url=reverse("work", args=[other]))
    elif has_free_place(assignment):
        text = _("It went back to the queue because nothing was saved for a while. Nobody has taken it yet.")
        action = Action(label=_("Continue this task"), url=reverse("resume", args=[assignment.token]), posts=True)
    else:
        text = _("It went back to the queue because nothing was saved for a while, and somebody else took it.")
        action = next_of_kind(assignment.kind)
    page = CalmPage(
        title=_("Your time with this task ran out"),
        text=text,
        icon="clock",
        actions=[action, Action(label=_("Back to the overview"), url=reverse("overview"))],
        kept=kept_of(assignment, draft),
    )
    return show(request, page, status=status)


def next_of_kind(kind: str) -> Action:
    if kind == AssignmentKind.RANKING:
        return Action(label=_("Next ranking"), url=reverse("next_ranking"), posts=True)
    return Action(label=_("Next demonstration"), url=reverse("next_demonstration"), posts=True)


def kept_of(assignment: Assignment, draft: Mapping[str, object]) -> Kept | None:
    if assignment.kind == AssignmentKind.DEMONSTRATION:
        text = kept_text(draft)
        return Kept(text=text, language=assignment.prompt.language) if text.strip() else None
    judgements = kept_judgements(draft, k=len(assignment.shown_order))
    return Kept(judgements=judgements) if judgements else None
