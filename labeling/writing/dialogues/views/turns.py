"""A dialogue as its page draws it: turn by turn, with what is wrong and what the model suggested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from labeling.base.text import LONGEST_TURN, UnstorableText, clean_text
from labeling.desk.forms import Problem
from labeling.desk.rules.drafts import first
from labeling.writing.dialogues.rules import Fault, Turn, TurnFault, faults_of
from labeling.writing.suggestions.queries import Panel
from labeling.writing.suggestions.views import note_of, said_of


@dataclass(frozen=True, kw_only=True)
class TurnCard:
    position: int
    turn: Turn
    faults: Sequence[str] = ()
    panel: Panel | None = None

    def note(self) -> str:
        return note_of(self.panel) if self.panel else ""

    def said(self) -> str:
        return said_of(self.panel) if self.panel else ""


class DialogueForm:
    """All turns with what is wrong with them. `checked` says whether faults show."""

    def __init__(self, turns: Sequence[Turn], *, panels: Mapping[str, Panel], checked: bool) -> None:
        faults = faults_of(turns) + _unstorable(turns) if checked else []
        self.cards = [
            TurnCard(
                position=position,
                turn=turn,
                faults=[words_for(each) for each in faults if each.position == position],
                panel=panels.get(turn.request),
            )
            for position, turn in enumerate(turns, start=1)
        ]
        self.blank = TurnCard(position=0, turn=Turn(role="user"))
        self.problems = [
            Problem(
                text=words_for(each),
                places=[(_("Turn %(number)d") % {"number": each.position}, f"#turn-{each.position}-text")],
            )
            for each in faults
        ]


def is_whole(turns: Sequence[Turn]) -> bool:
    """Whether the dialogue could be handed in as it is."""
    return not faults_of(turns) and not _unstorable(turns)


def _unstorable(turns: Sequence[Turn]) -> list[TurnFault]:
    def is_unstorable(text: str) -> bool:
        try:
            clean_text(text)
        except UnstorableText:
            return True
        return False

    return [
        TurnFault(position=position, fault=Fault.UNSTORABLE)
        for position, turn in enumerate(turns, start=1)
        if is_unstorable(turn.text)
    ]


def words_for(fault: TurnFault) -> str:
    words = {
        Fault.EMPTY: _("A turn has no text. Write it, or remove it."),
        Fault.TOO_LONG: _("A turn is longer than %(limit)s characters. Nothing was cut; shorten it."),
        Fault.SAME_ROLE: _("Two turns in a row are by the same side; user and assistant take turns."),
        Fault.SYSTEM_LATE: _("Only the first turn may be a system message."),
        Fault.ASSISTANT_FIRST: _("The assistant speaks before the user has said anything."),
        Fault.USER_LAST: _("A dialogue ends with what the assistant says."),
        Fault.UNSTORABLE: _("The text has a character that can't be stored (such as U+0000). Remove it and try again."),
    }
    return words[fault.fault] % {"limit": f"{LONGEST_TURN:,}"} if fault.fault == Fault.TOO_LONG else words[fault.fault]


def chosen_language(draft: Mapping[str, list[str]], offered: Sequence[str]) -> str:
    """What the form says, where that is offered; otherwise the first."""
    said = first(dict(draft), "language")
    return said if said in offered else next(iter(offered), "")
