"""The pages of what labelers begin by themselves."""

from collections.abc import Iterable, Mapping

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from labeling.base.refusals import AlreadyDiscarded, CampaignNotOpen, LabelerNotActive, NotOffered, Refusal
from labeling.base.states import CompositionKind, CompositionState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.rules.drafts import kept_texts
from labeling.desk.views.held_work import HeldPages, discard, page_or_button
from labeling.desk.views.interruptions import Kept, Words, closed_campaign, overview, refused
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
