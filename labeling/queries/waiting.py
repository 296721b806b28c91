"""Who waits for a worker now."""

from labeling.models import ScoringRequest, SuggestionRequest
from labeling.states import ScoringState, SuggestionState


def somebody_waits() -> bool:
    """Whether a labeler waits for a suggestion or a program for rewards: work ahead of need gives way to them."""
    return (
        SuggestionRequest.objects.filter(state=SuggestionState.WAITING).exists()
        or ScoringRequest.objects.filter(state=ScoringState.WAITING).exists()
    )
