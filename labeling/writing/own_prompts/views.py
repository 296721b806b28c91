"""A labeler's own prompts: plain, few-shot with pairs, or from a use case that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from labeling.base.refusals import PromptRefused, StatementGone
from labeling.base.states import CompositionKind, UseCase
from labeling.base.text import LONGEST_ANSWER, LONGEST_TURN
from labeling.campaigns.models.prompts import PROMPTS_PER_SUBMITTER
from labeling.desk.forms import Data, Problem
from labeling.desk.rules.drafts import SentDraft, as_lists, draft_of
from labeling.desk.services.drafts import keep_aside
from labeling.desk.views.kinds import NotHandedIn
from labeling.people.views.access import LabelerRequest
from labeling.writing.answers.queries import own_submission
from labeling.writing.dialogues.views.turns import chosen_language
from labeling.writing.models import Composition
from labeling.writing.own_prompts.rules import (
    FEWEST_PAIRS,
    MOST_PAIRS,
    Fault,
    FieldFault,
    OwnWriting,
    Pair,
    examples_of,
    faults_of,
    pairs_as_draft,
    writing_in,
)
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.queries import writing_of
from labeling.writing.services import COMPOSITIONS
from labeling.writing.views.compositions import button_without_scripts
from labeling.writing.views.kinds import OwnKind

EXCERPT = 120
"""Characters of what was written that a refusal repeats."""


@dataclass(frozen=True, kw_only=True)
class PairCard:
    number: int
    pair: Pair
    faulty: Sequence[str] = ()


class OwnPromptKind(OwnKind):
    name = CompositionKind.OWN_PROMPT
    title = gettext_lazy("Own prompt")
    icon = "icons/note.svg"
    template = "writing/own_prompts/own_prompt.html"
    start = gettext_lazy("Write your own prompt")

    def urls(self) -> list[URLPattern]:
        return [path("compose/<uuid:token>/pairs/", change_pairs, {"kind": self}, name="compose_pairs")]

    def context(self, held: Composition, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        draft = draft_of(sent.lists()) if sent is not None else as_lists(held.draft)
        written = writing_in(draft)
        work = writing_of(held, interface_language=get_language() or "en")
        language = chosen_language(draft, work.languages)
        # Judged as it was sent: a draft shows what can't be stored by another character.
        faults = faults_of(writing_in(dict(sent.lists())) if sent is not None else written) if refused else []
        statements = held.statements(language)
        return {
            "work": work,
            "written": written,
            "faulty": [each.field for each in faults],
            "pairs": _cards(written.pairs, faults),
            "blank": PairCard(number=0, pair=Pair()),
            "most_pairs": MOST_PAIRS,
            "use_cases": UseCase.choices,
            "statements": statements,
            "statement": _statement(written, statements, held),
            "language": language,
            "problems": (refused.problems if refused else [])
            + [Problem(text=_words_for(each), places=[(_("Show"), f"#{each.field}")]) for each in faults],
            "back": reverse("compose", args=[work.token]),
        }

    def hand_in(self, request: LabelerRequest, held: Composition, sent: SentDraft) -> str:
        fields = {name: request.POST.getlist(name) for name in request.POST}
        work = writing_of(held, interface_language=get_language() or "en")
        written = writing_in(fields | {"language": [chosen_language(fields, work.languages)]})
        if faults_of(written):
            raise NotHandedIn
        try:
            submit_own_prompt(
                labeler=request.labeler,
                token=str(held.token),
                writing=written,
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except StatementGone as gone:
            text = _("The use case that you wrote for is not asked for any more. Look at the one that is shown now.")
            raise NotHandedIn(text) from gone
        except PromptRefused as refused:
            raise NotHandedIn(_words_for_refused(refused, written)) from refused
        return _("Prompt saved. Thank you.")

    def answers_in(self, sent: Data) -> list[str]:
        return [example.answer for example in examples_of(writing_in(dict(sent.lists())))]

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        page = own_submission(composition)
        context = {"composition": composition, "use_case": page.use_case, "page": page}
        return render(request, "writing/own_prompts/submitted.html", context)


@button_without_scripts
def change_pairs(request: LabelerRequest, composition: Composition, sent: SentDraft) -> HttpResponse:
    """The buttons of the page where there is no script: a pair more or less, another use case. The text is kept."""
    draft = sent.fields
    action, _dash, number = request.POST.get("do", "").partition("-")
    written = writing_in(draft)
    others = {name: values for name, values in draft.items() if not name[:1].isdigit()}
    pairs = list(written.pairs)
    if action == "add" and len(pairs) < MOST_PAIRS:
        pairs.append(Pair())
    elif action == "remove" and len(pairs) > FEWEST_PAIRS:
        keep_aside(
            labeler=request.labeler, token=str(composition.token), draft=draft, base_version=composition.draft_version
        )
        pairs = [pair for position, pair in enumerate(pairs, start=1) if str(position) != number]
    elif action == "another":
        statements = composition.statements(written.language)
        others["statement"] = [_after(written.statement, statements)]
    changed = replace(sent, fields=others | pairs_as_draft(pairs))
    COMPOSITIONS.keep_unsubmitted(labeler=request.labeler, token=str(composition.token), sent=changed)
    return redirect("compose", token=composition.token)


def _after(statement: str, statements: Sequence[str]) -> str:
    """The next one, the first after the last."""
    place = statements.index(statement) + 1 if statement in statements else 0
    return statements[place % len(statements)] if statements else ""


def _statement(written: OwnWriting, statements: Sequence[str], composition: Composition) -> str:
    """What was shown before where it is still asked for; otherwise each new writing gets the next."""
    if written.statement in statements:
        return written.statement
    return statements[composition.pk % len(statements)] if statements else ""


def _cards(pairs: Sequence[Pair], faults: Sequence[FieldFault]) -> list[PairCard]:
    return [
        PairCard(
            number=number,
            pair=pair,
            faulty=[each.field.partition("-")[2] for each in faults if each.field.startswith(f"{number}-")],
        )
        for number, pair in enumerate(pairs, start=1)
    ]


def _words_for(fault: FieldFault) -> str:
    words = {
        Fault.NO_PROMPT: _("There is no prompt yet."),
        Fault.NO_INSTRUCTION: _("There is no instruction yet."),
        Fault.HALF_A_PAIR: _("A pair lacks its query or its response. Write it, or remove the pair."),
        Fault.TOO_FEW_PAIRS: _("A few-shot prompt needs at least two pairs."),
        Fault.ALIKE: _("Two pairs begin alike. Make them different from each other."),
        Fault.NO_USE_CASE: _("Choose what the prompt is for."),
        Fault.TOO_LONG: _(
            "A text is too long: an answer may have %(answer)s characters, any other text %(text)s. Nothing was cut."
        )
        % {"answer": f"{LONGEST_ANSWER:,}", "text": f"{LONGEST_TURN:,}"},
        Fault.UNSTORABLE: _("The text has a character that can't be stored (such as U+0000). Remove it and try again."),
    }
    return words[fault.fault]


def _words_for_refused(refused: PromptRefused, written: OwnWriting) -> str:
    """The words show what was sent alone: the prompt that it is like may be another person's, or behind a warning."""
    if refused.twin_id is None:
        text = _("You have submitted as many prompts as one person may (%(count)d). Thank you; your text is kept.")
        return text % {"count": PROMPTS_PER_SUBMITTER}
    text = _("The campaign has a prompt that begins like yours already: “%(excerpt)s”. Write a different one.")
    return text % {"excerpt": _shortened(written.instruction if written.kind == "few_shot" else written.prompt)}


def _shortened(text: str) -> str:
    """The beginning, with a sign where it goes on."""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"
