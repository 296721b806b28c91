"""What the model is asked for while somebody writes: small answers for the page's script, which looks every second, and
the text as it grows.

Each is {request, state, said, html}: `said` is for people who listen to the page, `html` for all others.
"""

import json
from collections.abc import Iterator
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from redis import RedisError

from labeling.base.lasting import ALIVE, event_stream, make_room, release_connection
from labeling.base.live_text import read_live_text
from labeling.base.refusals import PromptRefused, Refusal
from labeling.base.states import SuggestionFailure, SuggestionState
from labeling.base.text import whole_number
from labeling.desk.rules.drafts import draft_of
from labeling.desk.views.held_work import find_own
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.writing.dialogues.rules import MOST_TURNS, messages_before, turns_in
from labeling.writing.models import Composition
from labeling.writing.services import COMPOSITIONS
from labeling.writing.suggestions.models import Suggestion, SuggestionRequest
from labeling.writing.suggestions.queries import Panel, own_request, panel_of
from labeling.writing.suggestions.services import (
    SUGGESTION_REQUESTS,
    cancel_request,
    dismiss_suggestion,
    note_shown,
    request_suggestions,
)


@require_POST
@labeler_page
def suggest(request: LabelerRequest, token: UUID) -> HttpResponse:
    """Asks for the turn at `position` of the dialogue that was sent along, as it stands on the page."""
    composition = find_own(COMPOSITIONS, request, token)
    position = whole_number(request.POST.get("position", ""), highest=MOST_TURNS)
    if position is None:
        raise Http404
    try:
        asked = ask_for_turn(request, composition, position)
    except PromptRefused:
        return JsonResponse({"problem": nothing_to_answer()}, status=422)
    except Refusal:
        return JsonResponse({"problem": _("This task is no longer open.")}, status=409)
    return _answer(request, asked)


def ask_for_turn(request: LabelerRequest, composition: Composition, position: int) -> SuggestionRequest:
    turns = turns_in(draft_of(request.POST.lists()))
    asked = request_suggestions(
        labeler=request.labeler,
        token=str(composition.token),
        position=position,
        messages=messages_before(turns, position),
    )
    SUGGESTION_REQUESTS.send()
    return asked


def nothing_to_answer() -> str:
    return _("Write what the user says before this turn first; the model answers that.")


@require_http_methods(["GET", "POST"])
@labeler_page
def suggestions(request: LabelerRequest, token: UUID, request_token: UUID) -> HttpResponse:
    """GET looks; POST gives up what is waited for (`cancel`), or one that arrived (`dismiss`, its number)."""
    composition = find_own(COMPOSITIONS, request, token)
    try:
        if request.method == "POST":
            _change(request, token, request_token)
        asked = own_request(composition, str(request_token))
    except (SuggestionRequest.DoesNotExist, Suggestion.DoesNotExist):
        raise Http404 from None
    SUGGESTION_REQUESTS.give_up_if_late(asked)
    return _answer(request, asked)


def _change(request: LabelerRequest, token: UUID, request_token: UUID) -> None:
    number = whole_number(request.POST.get("dismiss", ""))
    if number is not None:
        dismiss_suggestion(labeler=request.labeler, token=str(token), request_token=str(request_token), number=number)
    elif "cancel" in request.POST:
        cancel_request(labeler=request.labeler, token=str(token), request_token=str(request_token))


def _answer(request: LabelerRequest, asked: SuggestionRequest) -> JsonResponse:
    panel = panel_of(asked)
    note_shown(request=asked)
    context = {"panel": panel, "note": note_of(panel)}
    html = render_to_string("writing/suggestions/parts/suggestions.html", context, request)
    return JsonResponse({"request": panel.token, "state": panel.state, "said": said_of(panel), "html": html})


def said_of(panel: Panel) -> str:
    """Returns the progress in one line."""
    if panel.state == SuggestionState.WAITING:
        counts = {"arrived": panel.arrived, "wanted": panel.wanted}
        return _("Asking the model … %(arrived)d of %(wanted)d") % counts
    if panel.suggestions:
        count = len(panel.suggestions)
        return ngettext("%(count)d suggestion is here.", "%(count)d suggestions are here.", count) % {"count": count}
    return note_of(panel)


def note_of(panel: Panel) -> str:
    """Returns why nothing came; empty where something did or may still come."""
    if panel.state != SuggestionState.FAILED:
        return ""
    if panel.failure == SuggestionFailure.NO_MODEL:
        return _("No model can be asked at the moment. Just continue; write the turn yourself.")
    if panel.failure == SuggestionFailure.TOO_LONG:
        return _("This has grown too long for the model to read. Just continue; write the turn yourself.")
    return _("The model did not answer. Just continue, or ask again in a while; nothing of yours is lost.")


@require_safe
@labeler_page
def live(request: LabelerRequest, request_token: UUID) -> HttpResponseBase:
    """What the model writes, as server-sent events, while it writes it. A page that comes back goes on where it was."""
    asked = SuggestionRequest.objects.filter(token=request_token, composition__labeler=request.labeler).first()
    if asked is None:
        raise Http404
    if not make_room(request):
        return HttpResponse(status=503)  # the page learns of everything by looking
    return event_stream(_events(asked.pk, str(asked.token), request.headers.get("Last-Event-ID", "")))


def _events(request_id: int, name: str, after: str) -> Iterator[bytes]:
    """Until the end is said, or nobody waits any more."""
    yield b"retry: 1000\n\n"
    waiting = True
    while True:
        try:
            entries = read_live_text(name, after=after, wait=waiting)
        except RedisError:
            return
        for entry in entries:
            after = entry["id"]
            yield _event(entry["kind"], {"of": entry["of"], "add": entry["add"]}, after)
            if entry["kind"] == "end":
                return
        if not waiting:
            yield _event("end", {}, after)
            return
        if not entries:
            yield ALIVE
            waiting = SuggestionRequest.objects.filter(pk=request_id, state=SuggestionState.WAITING).exists()
            release_connection()


def _event(kind: str, data: dict[str, str], name: str) -> bytes:
    said = json.dumps(data, ensure_ascii=False)
    return f"id: {name}\nevent: {kind}\ndata: {said}\n\n".encode()
