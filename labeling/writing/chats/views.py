"""Chats with the current model, and the ranking that comes of each."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from labeling.base.refusals import AlreadySubmitted, ChatRefused, PromptRefused, Refusal
from labeling.base.states import TaskState
from labeling.base.text import LONGEST_TURN, UnstorableText, clean_text
from labeling.desk.forms import ActiveSecondsField, Data, Problem
from labeling.desk.rules.drafts import as_lists, draft_of, first
from labeling.desk.views import interruptions as calm
from labeling.people.views.access import LabelerRequest, find_own_composition, labeler_page
from labeling.ranking_tasks.services.sampling import send_unsampled
from labeling.writing.chats.services import MOST_CHAT_TURNS, ask_again, end_chat, say
from labeling.writing.dialogues.views.dialogues import words_for_refused_prompt
from labeling.writing.dialogues.views.turns import chosen_language
from labeling.writing.models import Composition
from labeling.writing.queries import holds_a_ranking, language_of, reserved_task, turns_said, writing_of
from labeling.writing.services import keep_unsubmitted_composition
from labeling.writing.suggestions.queries import Panel, panel_of
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS, note_shown
from labeling.writing.suggestions.views import note_of
from labeling.writing.views.kinds import CompositionRefused, within_wall_time


class ChatComposer:
    def show(
        self,
        request: LabelerRequest,
        composition: Composition,
        *,
        data: Data | None = None,
        refused: CompositionRefused | None = None,
    ) -> HttpResponse:
        draft = draft_of(data.lists()) if data is not None else as_lists(composition.draft)
        work = writing_of(composition, interface_language=get_language() or "en")
        context = _thread(composition) | {
            "work": work,
            "text": first(draft, "text"),
            "chosen": language_of(composition) or chosen_language(draft, work.languages),
            "active_seconds": first(draft, "active_seconds"),
            "problems": [Problem(text=text, places=[]) for text in (refused.problems if refused else ())],
            "most_turns": MOST_CHAT_TURNS,
            "back": reverse("compose", args=[work.token]),
        }
        return render(request, "writing/chats/chat.html", context, status=422 if refused else 200)

    def hand_in(self, request: LabelerRequest, composition: Composition) -> str:
        seconds = ActiveSecondsField().to_python(request.POST.get("active_seconds"))
        try:
            end_chat(
                labeler=request.labeler,
                token=str(composition.token),
                active_seconds=within_wall_time(composition, seconds),
            )
        except ChatRefused as refused:
            text = _("The model has not said anything yet, so there is nothing to rank.")
            raise CompositionRefused(text) from refused
        except PromptRefused as refused:
            raise CompositionRefused(words_for_refused_prompt(refused)) from refused
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
        "note": note_of(panel) if panel else "",
        "unanswered": bool(turns) and turns[-1].role == "user",
        "token": composition.token,
    }


@require_safe
@labeler_page
def thread(request: LabelerRequest, token: UUID) -> HttpResponse:
    """{state, said, html} for the page's script, which looks every second while the model writes."""
    context = _thread(find_own_composition(request, token))
    panel, turns = context["panel"], context["turns"]
    assert isinstance(panel, Panel | None)
    assert isinstance(turns, list)
    waiting = panel is not None and panel.is_waiting
    said = "" if waiting or not turns else str(context["note"]) or _("The model has answered.")
    html = render_to_string("writing/chats/parts/thread.html", context, request)
    return JsonResponse({"state": "waiting" if waiting else "", "said": said, "html": html})


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def speak(request: LabelerRequest, token: UUID) -> HttpResponse:
    """Sends the labeler's turn, or asks again for an answer that did not come (`again`)."""
    composition = find_own_composition(request, token)
    if request.method != "POST":
        return redirect("compose", token=token)
    text = request.POST.get("text", "")
    try:
        if "again" in request.POST:
            ask_again(labeler=request.labeler, token=str(token))
        else:
            _say(request, composition, text)
    except CompositionRefused as refused:
        keep_unsubmitted_composition(labeler=request.labeler, token=str(token), draft=draft_of(request.POST.lists()))
        return ChatComposer().show(request, find_own_composition(request, token), data=request.POST, refused=refused)
    except AlreadySubmitted:
        return redirect("compose", token=token)
    except Refusal as refusal:
        draft = draft_of(request.POST.lists())
        keep_unsubmitted_composition(labeler=request.labeler, token=str(token), draft=draft)
        return calm.refused_composition(request, composition, refusal, draft=draft)
    SUGGESTION_REQUESTS.send()
    if "again" not in request.POST:
        messages.info(request, _("Sent."), extra_tags=f"quiet {token}")
    return redirect(f"{reverse('compose', args=[token])}#latest")


def _say(request: LabelerRequest, composition: Composition, text: str) -> None:
    """Raises CompositionRefused with words for the labeler."""
    work = writing_of(composition, interface_language=get_language() or "en")
    if not text.strip():
        raise CompositionRefused(_("Write something to the model first."))
    if len(text) > LONGEST_TURN:
        limit = {"limit": f"{LONGEST_TURN:,}"}
        raise CompositionRefused(_("A turn is longer than %(limit)s characters. Nothing was cut; shorten it.") % limit)
    language = chosen_language(draft_of(request.POST.lists()), work.languages)
    try:
        clean_text(text)
        say(labeler=request.labeler, token=str(composition.token), text=text, language=language)
    except UnstorableText as unstorable:
        raise CompositionRefused(
            _("The text has a character that can't be stored (such as U+0000). Remove it and try again.")
        ) from unstorable
    except ChatRefused as refused:
        raise CompositionRefused(
            _("Wait for the model's answer, or ask it again; after %(limit)d turns of yours, end the chat.")
            % {"limit": MOST_CHAT_TURNS}
        ) from refused
