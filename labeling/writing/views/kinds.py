"""What each kind of a labeler's own writing brings: its page, handing it in, and what is shown of it afterwards.

The doors are in views/compositions.py.
"""

from typing import Protocol

from django.http import HttpResponse
from django.utils import timezone

from labeling.desk.forms import ActiveSecondsField, Data
from labeling.desk.rules.drafts import Draft, first
from labeling.desk.rules.working_time import believable
from labeling.people.views.access import LabelerRequest
from labeling.writing.models import Composition


class CompositionRefused(Exception):
    """What was sent can't be handed in yet; the page shows why. `problems` are said beside those of the form."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


class Composer(Protocol):
    """One kind of own writing."""

    def show(
        self,
        request: LabelerRequest,
        composition: Composition,
        *,
        data: Data | None = None,
        refused: CompositionRefused | None = None,
    ) -> HttpResponse:
        """The page with `data`, checked aloud where `refused` says why, or with the draft. 422 when it was refused."""

    def hand_in(self, request: LabelerRequest, composition: Composition) -> str:
        """Returns what to say of it. Raises CompositionRefused and what the service raises."""

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        """What was handed in, to read."""


def within_wall_time(composition: Composition, seconds: float) -> float:
    """Nobody is active for longer than since they began, whatever their browser says."""
    return believable(seconds, held_for=(timezone.now() - composition.started_at).total_seconds())


def seconds_in(draft: Draft) -> float:
    """The time at work that the page measured."""
    return ActiveSecondsField().to_python(first(draft, "active_seconds"))
