"""A labeler's own writing: begun, shown, handed in, thrown away. What each kind brings is in COMPOSERS."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.base.refusals import (
    AlreadyDiscarded,
    AlreadySubmitted,
    CampaignNotOpen,
    LabelerNotActive,
    NotOffered,
    Refusal,
)
from labeling.base.states import AssignmentKind, CampaignState, CompositionKind, CompositionState, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.rules.drafts import draft_of
from labeling.desk.views import interruptions as calm
from labeling.desk.views.before_work import gate_of
from labeling.desk.views.claim import on_to_the_next
from labeling.people.views.access import LabelerRequest, find_own_composition, labeler_page
from labeling.writing.chats.views import ChatComposer
from labeling.writing.dialogues.views.dialogues import DialogueComposer
from labeling.writing.edits.views import EditComposer
from labeling.writing.models import Composition
from labeling.writing.own_prompts.views import OwnPromptComposer
from labeling.writing.services import discard_composition, keep_unsubmitted_composition, start_composition
from labeling.writing.views.kinds import Composer, CompositionRefused

COMPOSERS: dict[str, Composer] = {
    CompositionKind.DIALOGUE: DialogueComposer(),
    CompositionKind.CHAT: ChatComposer(),
    CompositionKind.EDIT: EditComposer(),
    CompositionKind.OWN_PROMPT: OwnPromptComposer(),
}

page_or_button = require_http_methods(["GET", "HEAD", "POST"])


@page_or_button
@labeler_page
def start(request: LabelerRequest, slug: str, kind: str) -> HttpResponse:
    campaign = get_object_or_404(Campaign, slug=slug)
    if kind not in COMPOSERS:
        raise Http404
    if request.method != "POST":
        return redirect("overview")
    try:
        begun = start_composition(labeler=request.labeler, campaign=campaign, kind=CompositionKind(kind))
    except LabelerNotActive:
        return calm.not_active(request, request.labeler)
    except (CampaignNotOpen, NotOffered):
        messages.info(request, _("“%(campaign)s” does not ask for this any more.") % {"campaign": campaign.name})
        return redirect("overview")
    return redirect("compose", token=begun.token)


@require_safe
@labeler_page
def compose(request: LabelerRequest, token: UUID) -> HttpResponse:
    composition = find_own_composition(request, token)
    composer = _composer(composition)
    if composition.state == CompositionState.SUBMITTED:
        return composer.show_submitted(request, composition)
    try:
        check_standing(composition)
    except Refusal as refusal:
        return calm.refused_composition(request, composition, refusal, draft=composition.draft)
    return gate_of(request, composition) or composer.show(request, composition)


@page_or_button
@labeler_page
def submit_composition(request: LabelerRequest, token: UUID) -> HttpResponse:
    composition = find_own_composition(request, token)
    if request.method != "POST":
        return redirect("compose", token=token)
    if composition.state == CompositionState.SUBMITTED:
        return _handed_in_before(request, token)
    composer = _composer(composition)
    try:
        check_standing(composition)
        said = composer.hand_in(request, composition)
    except AlreadySubmitted:
        return _handed_in_before(request, token)
    except Refusal as refusal:
        _keep(request, token)
        return calm.refused_composition(request, composition, refusal, draft=draft_of(request.POST.lists()))
    except CompositionRefused as refused:
        _keep(request, token)
        return composer.show(request, find_own_composition(request, token), data=request.POST, refused=refused)
    messages.success(request, said, extra_tags=f"handed-in {token}")
    if composition.kind == CompositionKind.EDIT:
        return on_to_the_next(request, AssignmentKind.RANKING)
    return redirect("compose", token=token)


@require_POST
@labeler_page
def discard(request: LabelerRequest, token: UUID) -> HttpResponse:
    composition = find_own_composition(request, token)
    try:
        discard_composition(labeler=request.labeler, token=str(token))
    except AlreadySubmitted:
        return _handed_in_before(request, token)
    if composition.kind == CompositionKind.EDIT:
        messages.info(request, _("Left as it was."), extra_tags=f"handed-in {token}")
        return on_to_the_next(request, AssignmentKind.RANKING)
    messages.info(request, _("Discarded."), extra_tags=f"handed-in {token}")
    return redirect("overview")


def check_standing(composition: Composition) -> None:
    """Raises the refusal that this writing would meet whatever was entered."""
    if composition.state == CompositionState.DISCARDED:
        raise AlreadyDiscarded
    if composition.labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive
    if composition.campaign.state == CampaignState.CLOSED:
        raise CampaignNotOpen


def _composer(composition: Composition) -> Composer:
    if composition.kind not in COMPOSERS:
        raise Http404
    return COMPOSERS[composition.kind]


def _keep(request: LabelerRequest, token: UUID) -> None:
    keep_unsubmitted_composition(labeler=request.labeler, token=str(token), draft=draft_of(request.POST.lists()))


def _handed_in_before(request: LabelerRequest, token: UUID) -> HttpResponse:
    text = _("This was submitted already. The first submission counts; here it is.")
    messages.info(request, text, extra_tags=f"handed-in {token}")
    return redirect("compose", token=token)
