"""What the model suggested, as the labeler's page shows it: no name of a model is read here."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils import timezone

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.states import SuggestionOutcome, SuggestionState
from labeling.writing.models import Composition
from labeling.writing.suggestions.models import Suggestion, SuggestionRequest


@dataclass(frozen=True, kw_only=True)
class ShownSuggestion:
    """`name` is what the turn's field says of it: the request's token and its number."""

    name: str
    number: int
    text: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One request with what has arrived; dismissed ones are left out, but counted in `arrived`."""

    token: str
    state: str
    failure: str
    wanted: int
    arrived: int
    waited: int
    """Seconds, by the server's clock."""
    suggestions: list[ShownSuggestion]

    @property
    def is_waiting(self) -> bool:
        return self.state == SuggestionState.WAITING


def own_request(composition: Composition, request_token: str) -> SuggestionRequest:
    """Raises SuggestionRequest.DoesNotExist for any other composition's."""
    return composition.suggestion_requests.get(token=request_token)


def panel_of(request: SuggestionRequest) -> Panel:
    return _panel(request, list(request.suggestions.order_by("number")))


def panels_of(composition: Composition, tokens: Collection[str]) -> dict[str, Panel]:
    """Returns the panels by the request's token; tokens that name no request of this writing are left out."""
    if not any(tokens):
        return {}
    requests = composition.suggestion_requests.prefetch_related("suggestions")
    return {
        str(each.token): _panel(each, list(each.suggestions.all())) for each in requests if str(each.token) in tokens
    }


def _panel(request: SuggestionRequest, suggestions: list[Suggestion]) -> Panel:
    return Panel(
        token=str(request.token),
        state=request.state,
        failure=request.failure,
        wanted=request.wanted,
        arrived=len(suggestions),
        waited=max(0, int((timezone.now() - request.asked_at).total_seconds())),
        suggestions=[
            ShownSuggestion(
                name=f"{request.token}/{suggestion.number}",
                number=suggestion.number,
                text=suggestion.text,
                html=render_markdown(suggestion.text, headings_from=TEXT_HEADINGS_FROM),
            )
            for suggestion in suggestions
            if suggestion.outcome != SuggestionOutcome.DISMISSED
        ],
    )
