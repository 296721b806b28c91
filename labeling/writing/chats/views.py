"""Chats with the current model, and the ranking that comes of each."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from labeling.base.refusals import AlreadySubmitted, ChatRefused, DraftConflict, PromptRefused, Refusal
from labeling.base.states import CompositionKind, SuggestionState, TaskState
from labeling.base.text import LONGEST_TURN, UnstorableText, clean_text
from labeling.desk.forms import Data
from labeling.desk.rules.drafts import SentDraft, as_lists, draft_of, first
from labeling.desk.services.drafts import check_builds_on
from labeling.desk.views.held_work import find_own, keep_sent, received, show_both
from labeling.desk.views.kinds import NotHandedIn
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.ranking_tasks.services.sampling import send_unsampled
from labeling.writing.chats.services import MOST_CHAT_TURNS, ask_again, end_chat, say, stop_answer
from labeling.writing.dialogues.views.dialogues import words_for_refused_prompt
from labeling.writing.dialogues.views.turns import chosen_language
from labeling.writing.models import Composition
from labeling.writing.queries import holds_a_ranking, language_of, reserved_task, turns_said, writing_of
from labeling.writing.services import COMPOSITIONS
from labeling.writing.suggestions.queries import Panel, panel_of
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS, note_shown
from labeling.writing.suggestions.views import note_of
from labeling.writing.views.compositions import refused_composition
from labeling.writing.views.kinds import OwnKind


class ChatKind(OwnKind):
    name = CompositionKind.CHAT
    title = gettext_lazy("Chat with the model")
    icon = "icons/dialogue.svg"
    template = "writing/chats/chat.html"
    start = gettext_lazy("Chat with the model, then rank")

    def urls(self) -> list[URLPattern]:
        at = "compose/<uuid:token>/"
        return [
            path(f"{at}say/", speak, {"kind": self}, name="compose_say"),
            path(f"{at}thread/", thread, name="compose_thread"),
        ]

    def context(self, held: Composition, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        draft = draft_of(sent.lists()) if sent is not None else as_lists(held.draft)
        work = writing_of(held, interface_language=get_language() or "en")
        return _thread(held) | {
            "work": work,
            "text": first(draft, "text"),
            "chosen": language_of(held) or chosen_language(draft, work.languages),
            "problems": refused.problems if refused else [],
            "most_turns": MOST_CHAT_TURNS,
            "back": reverse("compose", args=[work.token]),
        }

    def hand_in(self, request: LabelerRequest, held: Composition, sent: SentDraft) -> str:
        if request.POST.get("text", "").strip():
            text = _("You have written something that was not sent. Send it or clear it, then end the chat.")
            raise NotHandedIn(text, address="#text")
        try:
            end_chat(
                labeler=request.labeler,
                token=str(held.token),
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except ChatRefused as refused:
            text = _("The model has not said anything yet, so there is nothing to rank.")
            raise NotHandedIn(text) from refused
        except PromptRefused as refused:
            raise NotHandedIn(words_for_refused_prompt(refused)) from refused
        send_unsampled()
        return _("Chat saved.")

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        task = reserved_task(composition)
        context = {
            "composition": composition,
            "turns": turns_said(composition),
            "language": language_of(composition),
            "state": task.state if task else TaskState.SET_ASIDE,
            "is_mine": task is not None and task.reserved_for_id == composition.labeler_id,
            "holds_another": holds_a_ranking(request.labeler),
        }
        return render(request, "writing/chats/submitted.html", context)


def _thread(composition: Composition) -> dict[str, object]:
    """What has been said, and what the last request came to."""
    asked = composition.suggestion_requests.order_by("-pk").first()
    panel: Panel | None = None
    if asked is not None:
        SUGGESTION_REQUESTS.give_up_if_late(asked)
        panel = panel_of(asked)
        note_shown(request=asked)
    turns = turns_said(composition)
    return {
        "turns": turns,
        "language": language_of(composition),
        "panel": panel,
        "note": _why_no_answer(panel) if panel else "",
        "unanswered": bool(turns) and turns[-1].role == "user",
        "token": composition.token,
    }


def _why_no_answer(panel: Panel) -> str:
    return _("You stopped the model.") if panel.state == SuggestionState.CANCELLED else note_of(panel)


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def thread(request: LabelerRequest, token: UUID) -> HttpResponse:
    """{state, said, html} for the page's script, which looks every second while the model writes. POST: `cancel` stops
    it."""
    composition = find_own(COMPOSITIONS, request, token)
    if request.method == "POST" and "cancel" in request.POST:
        stop_answer(labeler=request.labeler, token=str(token))
    context = _thread(composition)
    panel, turns = context["panel"], context["turns"]
    assert isinstance(panel, Panel | None)
    assert isinstance(turns, list)
    waiting = panel is not None and panel.is_waiting
    said = "" if waiting or not turns else str(context["note"]) or _("The model has answered.")
    html = render_to_string("writing/chats/parts/thread.html", context, request)
    return JsonResponse({"state": "waiting" if waiting else "", "said": said, "html": html})


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def speak(request: LabelerRequest, token: UUID, kind: ChatKind) -> HttpResponse:
    """Sends the labeler's turn, asks again for an answer that did not come (`again`), or stops it (`stop`)."""
    composition = find_own(COMPOSITIONS, request, token)
    if request.method != "POST":
        return redirect("compose", token=token)
    sent = received(COMPOSITIONS, request, composition)
    try:
        if "stop" in request.POST:
            keep_sent(COMPOSITIONS, request, token)
            stop_answer(labeler=request.labeler, token=str(token))
        elif "again" in request.POST:
            check_builds_on(composition, sent)
            keep_sent(COMPOSITIONS, request, token)  # what is being written, which this does not send
            ask_again(labeler=request.labeler, token=str(token))
        else:
            _say(request, composition, sent)
    except DraftConflict as newer:
        return show_both(COMPOSITIONS, kind, request, composition, newer)
    except NotHandedIn as refused:
        keep_sent(COMPOSITIONS, request, token)
        return kind.show(request, find_own(COMPOSITIONS, request, token), sent=request.POST, refused=refused)
    except AlreadySubmitted:
        return redirect("compose", token=token)
    except Refusal as refusal:
        return refused_composition(request, composition, refusal, draft=keep_sent(COMPOSITIONS, request, token))
    SUGGESTION_REQUESTS.send()
    if not {"again", "stop"} & set(request.POST):
        messages.info(request, _("Sent."), extra_tags=f"sent {token}")
    return redirect(f"{reverse('compose', args=[token])}#latest")


def _say(request: LabelerRequest, composition: Composition, sent: SentDraft) -> None:
    """Raises NotHandedIn with words for the labeler, and what `say` raises."""
    text = request.POST.get("text", "")
    work = writing_of(composition, interface_language=get_language() or "en")
    if not text.strip():
        raise NotHandedIn(_("Write something to the model first."))
    if len(text) > LONGEST_TURN:
        limit = {"limit": f"{LONGEST_TURN:,}"}
        raise NotHandedIn(_("A turn is longer than %(limit)s characters. Nothing was cut; shorten it.") % limit)
    language = chosen_language(sent.fields, work.languages)
    try:
        clean_text(text)
        say(labeler=request.labeler, token=str(composition.token), text=text, language=language, sent=sent)
    except UnstorableText as unstorable:
        raise NotHandedIn(
            _("The text has a character that can't be stored (such as U+0000). Remove it and try again.")
        ) from unstorable
    except ChatRefused as refused:
        raise NotHandedIn(
            _("Wait for the model's answer, or ask it again; after %(limit)d turns of yours, end the chat.")
            % {"limit": MOST_CHAT_TURNS}
        ) from refused
