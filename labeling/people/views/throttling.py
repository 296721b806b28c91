"""How much somebody to whom no work is given may still send."""

from django.http import HttpRequest

from labeling.base.throttling import Throttle
from labeling.people.queries import labeler_of

SAVES_WHILE_PAUSED = "60/hour"
"""Enough for what pages and browsers still hold when an account is paused. What may be saved is bounded besides: only
work that was begun, of a bounded length, with so many earlier versions."""


class WhilePaused(Throttle):
    """What a labeler sends to whom no work is given: drafts that scripts save and forms, all of their work together.
    Nobody else is held back.
    """

    scope = "drafts-while-paused"

    def get_rate(self) -> str:
        return SAVES_WHILE_PAUSED

    def get_cache_key(self, request: HttpRequest, view: object) -> str | None:  # noqa: ARG002
        labeler = labeler_of(request.user)
        if labeler is None or labeler.works_in is not None:
            return None
        return self.cache_format % {"scope": self.scope, "ident": labeler.pk}
