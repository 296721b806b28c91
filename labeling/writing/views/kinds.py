"""What every kind of work that labelers begin by themselves brings."""

from abc import abstractmethod
from typing import ClassVar

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from labeling.desk.views.kinds import KindOfWork
from labeling.people.views.access import LabelerRequest
from labeling.writing.models import Composition


class OwnKind(KindOfWork[Composition]):
    start: ClassVar[Promise | None] = None
    """The words of the button that begins one; None where there is no such button."""
    discarded: ClassVar[Promise] = gettext_lazy("Discarded.")
    """What is said once one was discarded."""

    @abstractmethod
    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        """What was handed in, to read."""

    def after_hand_in(self, request: LabelerRequest, held: Composition) -> HttpResponse:  # noqa: ARG002
        return redirect("compose", token=held.token)

    def after_discard(self, request: LabelerRequest) -> HttpResponse:  # noqa: ARG002
        return redirect("overview")
