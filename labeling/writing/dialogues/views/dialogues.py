"""Dialogues: both sides written turn by turn, with the model's suggestions."""

from contextlib import suppress
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.base.refusals import PromptRefused, Refusal
from labeling.desk.forms import Data, Problem
from labeling.desk.rules.drafts import as_lists, draft_of
from labeling.people.views.access import LabelerRequest, find_own_composition, labeler_page
from labeling.writing.dialogues.rules import (
    FIELDS,
    Turn,
    as_draft,
    turns_in,
    with_added,
    with_changed,
    with_system,
    without,
)
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.dialogues.views.turns import DialogueSheet, chosen_language, is_whole
from labeling.writing.models import Composition
from labeling.writing.queries import language_of, turns_said, writing_of
from labeling.writing.services import keep_unsubmitted_composition
from labeling.writing.suggestions.models import Suggestion
from labeling.writing.suggestions.queries import panels_of
from labeling.writing.suggestions.services import dismiss_suggestion
from labeling.writing.suggestions.views import ask_for_turn
from labeling.writing.views.kinds import CompositionRefused, seconds_in, within_wall_time


class DialogueComposer:
    def show(
        self,
        request: LabelerRequest,
        composition: Composition,
        *,
        data: Data | None = None,
        refused: CompositionRefused | None = None,
    ) -> HttpResponse:
        draft = draft_of(data.lists()) if data is not None else as_lists(composition.draft)
        turns = turns_in(draft)
        work = writing_of(composition, interface_language=get_language() or "en")
        sheet = DialogueSheet(
            turns, panels=panels_of(composition, [turn.request for turn in turns]), checked=refused is not None
        )
        said = [Problem(text=text, places=[]) for text in (refused.problems if refused else ())]
        context = {
            "work": work,
            "sheet": sheet,
            "problems": said + sheet.problems,
            "language": chosen_language(draft, work.languages),
            "active_seconds": seconds_in(draft),
            "suggestions_per_turn": composition.campaign.suggestions_per_turn,
            "back": reverse("compose", args=[work.token]),
        }
        return render(request, "writing/dialogues/dialogue.html", context, status=422 if refused else 200)

    def hand_in(self, request: LabelerRequest, composition: Composition) -> str:
        draft = draft_of(request.POST.lists())
        turns = turns_in({name: request.POST.getlist(name) for name in request.POST})
        if not is_whole(turns):
            raise CompositionRefused
        work = writing_of(composition, interface_language=get_language() or "en")
        try:
            submit_dialogue(
                labeler=request.labeler,
                token=str(composition.token),
                language=chosen_language(draft, work.languages),
                turns=turns,
                active_seconds=within_wall_time(composition, seconds_in(draft)),
            )
        except PromptRefused as refused:
            raise CompositionRefused(words_for_refused_prompt(refused)) from refused
        return _("Dialogue saved.")

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        context = {
            "composition": composition,
            "turns": turns_said(composition),
            "language": language_of(composition),
        }
        return render(request, "writing/dialogues/submitted.html", context)


def words_for_refused_prompt(refused: PromptRefused) -> str:
    if refused.twin_id is not None:
        return _("The campaign has a conversation that begins like this one already. Begin it in another way.")
    return _("It can't be taken: you have submitted as many of your own as one person may, or its turns don't fit.")


@require_POST
@labeler_page
def change_turns(request: LabelerRequest, token: UUID) -> HttpResponse:
    """The buttons of the page where there is no script: add, remove, ask, use. What was typed is kept."""
    composition = find_own_composition(request, token)
    draft = draft_of((name, values) for name, values in request.POST.lists() if name != "do")
    action, _dash, rest = request.POST.get("do", "").partition("-")
    number, _dash, name = rest.partition("-")
    position = int(number) if number.isdecimal() else 0
    turns = turns_in(draft)
    with suppress(Refusal, Suggestion.DoesNotExist):  # what can't be done now can be asked for again
        turns = _changed(request, composition, turns, action, position, name)
    others = {key: values for key, values in draft.items() if key.partition("-")[2] not in FIELDS}
    keep_unsubmitted_composition(labeler=request.labeler, token=str(token), draft=others | as_draft(turns))
    at = len(turns) if action == "add" else min(max(position, 1), len(turns))
    return redirect(f"{reverse('compose', args=[token])}#turn-{at}")


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
        asked = ask_for_turn(request, composition, position)
        return with_changed(turns, position, request=str(asked.token), suggestion="")
    request_token, _slash, number = name.rpartition("/")
    if action == "use":
        suggestion = Suggestion.objects.get(
            request__composition=composition, request__token=request_token, number=number
        )
        return with_changed(turns, position, text=suggestion.text, suggestion=name)
    if action == "dismiss":
        dismiss_suggestion(
            labeler=request.labeler, token=str(composition.token), request_token=request_token, number=int(number)
        )
    return turns
