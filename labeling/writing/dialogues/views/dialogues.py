"""Dialogues: both sides written turn by turn, with the model's suggestions."""

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from labeling.base.refusals import PromptRefused, Refusal
from labeling.base.states import CompositionKind
from labeling.base.text import whole_number
from labeling.desk.forms import Data
from labeling.desk.rules.drafts import SentDraft, as_lists, draft_of
from labeling.desk.services.drafts import keep_aside
from labeling.desk.views.kinds import NotHandedIn
from labeling.people.views.access import LabelerRequest
from labeling.writing.answers.queries import own_submission
from labeling.writing.dialogues.rules import (
    FIELDS,
    MOST_TURNS,
    Turn,
    as_draft,
    turns_in,
    with_added,
    with_changed,
    with_system,
    without,
)
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.dialogues.views.turns import DialogueForm, chosen_language, is_whole
from labeling.writing.models import Composition
from labeling.writing.queries import writing_of
from labeling.writing.services import COMPOSITIONS
from labeling.writing.suggestions.models import Suggestion
from labeling.writing.suggestions.queries import panels_of
from labeling.writing.suggestions.services import dismiss_suggestion
from labeling.writing.suggestions.views import ask_for_turn, suggest, suggestions
from labeling.writing.views.compositions import button_without_scripts
from labeling.writing.views.kinds import OwnKind


class DialogueKind(OwnKind):
    name = CompositionKind.DIALOGUE
    title = gettext_lazy("Dialogue")
    icon = "icons/pen.svg"
    template = "writing/dialogues/dialogue.html"
    start = gettext_lazy("Write a dialogue")

    def urls(self) -> list[URLPattern]:
        at = "compose/<uuid:token>/"
        return [
            path(f"{at}turns/", change_turns, {"kind": self}, name="compose_turns"),
            path(f"{at}suggestions/", suggest, name="compose_suggest"),
            path(f"{at}suggestions/<uuid:request_token>/", suggestions, name="compose_suggestions"),
        ]

    def context(self, held: Composition, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        draft = draft_of(sent.lists()) if sent is not None else as_lists(held.draft)
        turns = turns_in(draft)
        work = writing_of(held, interface_language=get_language() or "en")
        form = DialogueForm(
            turns, panels=panels_of(held, [turn.request for turn in turns]), checked=refused is not None
        )
        return {
            "work": work,
            "form": form,
            "problems": (refused.problems if refused else []) + form.problems,
            "language": chosen_language(draft, work.languages),
            "suggestions_per_turn": held.campaign.suggestions_per_turn,
            "back": reverse("compose", args=[work.token]),
        }

    def hand_in(self, request: LabelerRequest, held: Composition, sent: SentDraft) -> str:
        draft = draft_of(request.POST.lists())
        turns = turns_in({name: request.POST.getlist(name) for name in request.POST})
        if not is_whole(turns):
            raise NotHandedIn
        work = writing_of(held, interface_language=get_language() or "en")
        try:
            submit_dialogue(
                labeler=request.labeler,
                token=str(held.token),
                language=chosen_language(draft, work.languages),
                turns=turns,
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except PromptRefused as refused:
            raise NotHandedIn(words_for_refused_prompt(refused)) from refused
        return _("Dialogue saved.")

    def answers_in(self, sent: Data) -> list[str]:
        return [turns_in(dict(sent.lists()))[-1].text]

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        page = own_submission(composition)
        context = {"composition": composition, "page": page, "turns": page.turns, "language": page.language}
        return render(request, "writing/dialogues/submitted.html", context)


def words_for_refused_prompt(refused: PromptRefused) -> str:
    if refused.twin_id is not None:
        return _("The campaign has a conversation that begins like this one already. Begin it in another way.")
    return _("It can't be taken: you have submitted as many of your own as one person may, or its turns don't fit.")


@button_without_scripts
def change_turns(request: LabelerRequest, composition: Composition, sent: SentDraft) -> HttpResponse:
    """The buttons of the page where there is no script: add, remove, ask, use. What was typed is kept."""
    draft = sent.fields
    action, _dash, rest = request.POST.get("do", "").partition("-")
    number, _dash, name = rest.partition("-")
    position = whole_number(number) or 0
    turns = turns_in(draft)
    with suppress(Refusal, Suggestion.DoesNotExist):  # what can't be done now can be asked for again
        turns = _changed(request, composition, turns, action, position, name)
    others = {key: values for key, values in draft.items() if key.partition("-")[2] not in FIELDS}
    if action in ("use", "remove"):  # what was typed there can be had back
        keep_aside(
            labeler=request.labeler, token=str(composition.token), draft=draft, base_version=composition.draft_version
        )
    changed = replace(sent, fields=others | as_draft(turns))
    COMPOSITIONS.keep_unsubmitted(labeler=request.labeler, token=str(composition.token), sent=changed)
    at = len(turns) if action == "add" else min(max(position, 1), len(turns))
    return redirect(f"{reverse('compose', args=[composition.token])}#turn-{at}")


def _changed(
    request: LabelerRequest, composition: Composition, turns: list[Turn], action: str, position: int, name: str
) -> list[Turn]:
    if action == "add":
        return with_added(turns)
    if action == "system":
        return with_system(turns)
    if action == "remove":
        return without(turns, position) or turns
    if action == "ask":
        asked = ask_for_turn(request, composition, min(position, MOST_TURNS))
        return with_changed(turns, position, request=str(asked.token), suggestion="")
    named = _suggestion_named(name)
    if named and action == "use":
        request_token, number = named
        suggestion = Suggestion.objects.get(
            request__composition=composition, request__token=request_token, number=number
        )
        return with_changed(turns, position, text=suggestion.text, suggestion=name)
    if named and action == "dismiss":
        request_token, number = named
        dismiss_suggestion(
            labeler=request.labeler, token=str(composition.token), request_token=str(request_token), number=number
        )
    return turns


def _suggestion_named(name: str) -> tuple[UUID, int] | None:
    """The request's token and the suggestion's number in a button's name; None where it is no such name."""
    token, _slash, number = name.rpartition("/")
    counted = whole_number(number)
    try:
        return None if counted is None else (UUID(token), counted)
    except ValueError:
        return None
