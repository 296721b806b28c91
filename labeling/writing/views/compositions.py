"""The pages of what labelers begin by themselves."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.base.refusals import (
    AlreadyDiscarded,
    CampaignNotOpen,
    DraftConflict,
    LabelerNotActive,
    NotOffered,
    Refusal,
)
from labeling.base.states import CompositionKind, CompositionState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.rules.drafts import SentDraft, fits, kept_texts
from labeling.desk.services.drafts import check_builds_on
from labeling.desk.views.held_work import HeldPages, discard, find_own, page_or_button, received, show_both
from labeling.desk.views.interruptions import Kept, Words, closed_campaign, overview, refused, too_long_to_keep
from labeling.desk.views.prerequisites import unread_instructions
from labeling.people.views.access import LabelerRequest, labeler_page, not_active
from labeling.writing.models import Composition
from labeling.writing.services import COMPOSITIONS, start_composition
from labeling.writing.views.kinds import OwnKind


class CompositionPages(HeldPages[Composition]):
    table = COMPOSITIONS
    page = "compose"

    def __init__(self, kinds: Iterable[OwnKind]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}

    def kind_of(self, held: Composition) -> OwnKind:
        return self.kinds[held.kind]

    def submitted(self, request: LabelerRequest, held: Composition) -> HttpResponse | None:
        return self.kind_of(held).show_submitted(request, held) if held.state == CompositionState.SUBMITTED else None

    def prerequisite(self, request: LabelerRequest, held: Composition) -> HttpResponse | None:
        return unread_instructions(request, held.instruction_version_id)

    def refused(
        self, request: LabelerRequest, held: Composition, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        return refused_composition(request, held, refusal, draft=draft)

    def after_discard(self, request: LabelerRequest, held: Composition) -> HttpResponse:
        kind = self.kind_of(held)
        messages.info(request, str(kind.discarded), extra_tags=f"handed-in {held.token}")
        return kind.after_discard(request)

    def urls(self) -> list[URLPattern]:
        begin = path("compose/start/<slug:slug>/<slug:kind>/", start, {"pages": self}, name="compose_start")
        return [begin, *super().urls(), self.address("discard", discard)]


def button_without_scripts(
    change: Callable[[LabelerRequest, Composition, SentDraft], HttpResponse],
) -> Callable[..., HttpResponse]:
    """A button that changes the page where there is no script; what was typed is kept. Is called with the page's kind.

    `change` hears of what was sent unless it is too long to keep, or a newer draft was saved meanwhile.
    """

    @require_POST
    @labeler_page
    @wraps(change)
    def pressed(request: LabelerRequest, token: UUID, kind: OwnKind) -> HttpResponse:
        composition = find_own(COMPOSITIONS, request, token)
        sent = received(COMPOSITIONS, request, composition)
        if not fits(sent.fields):
            return too_long_to_keep(request, sent.fields, back=reverse("compose", args=[token]))
        try:
            check_builds_on(composition, sent)
        except DraftConflict as newer:
            return show_both(COMPOSITIONS, kind, request, composition, newer)
        return change(request, composition, sent)

    return pressed


def refused_composition(
    request: LabelerRequest, composition: Composition, refusal: Refusal, *, draft: Mapping[str, object]
) -> HttpResponse:
    """Why own writing can't go on, with what was written."""
    written = kept_texts(draft)
    discarded = _("You discarded this. What you had written can still be read and copied here.")
    words: dict[type[Refusal], Words] = {
        CampaignNotOpen: closed_campaign(composition),
        AlreadyDiscarded: Words(title=_("Discarded"), text=discarded, icon="skip"),
    }
    kept = Kept(text=written) if written else None
    return refused(request, composition, refusal, words=words, actions=[overview()], kept=kept)


@page_or_button
@labeler_page
def start(request: LabelerRequest, slug: str, kind: str, pages: CompositionPages) -> HttpResponse:
    campaign = get_object_or_404(Campaign, slug=slug)
    if kind not in pages.kinds:
        raise Http404
    if request.method != "POST":
        return redirect("overview")
    try:
        begun = start_composition(labeler=request.labeler, campaign=campaign, kind=CompositionKind(kind))
    except LabelerNotActive:
        return not_active(request, request.labeler)
    except (CampaignNotOpen, NotOffered):
        messages.info(request, _("“%(campaign)s” does not ask for this any more.") % {"campaign": campaign.name})
        return redirect("overview")
    return redirect("compose", token=begun.token)
