"""Demonstrations that are nearly a text which a model wrote. They are shown to admins; nothing is done to them."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import BY_PEOPLE
from labeling.quality.bias.models import NearCopyFound
from labeling.quality.bias.rules.near_copies import near_copy_of
from labeling.ranking_tasks.models.completions import Completion
from labeling.writing.suggestions.models import Suggestion

LOOKED_AT_FOR = timedelta(days=2)
"""Beat looks more often than that, so that none is missed over a night without it."""
SUGGESTIONS_KNOWN = 200
"""The last ones that were made for the labeler."""


def find_near_copies() -> int:
    """Looks at the demonstrations that people wrote to a prompt of late; returns how many were found."""
    recent = (
        Demonstration.objects.of_work()
        .last_revisions()
        .filter(BY_PEOPLE, source="labeler", submitted_at__gte=timezone.now() - LOOKED_AT_FOR, near_copy=None)
    )
    found = [row for demonstration in recent.iterator(chunk_size=100) if (row := _near_copy(demonstration))]
    NearCopyFound.objects.bulk_create(found, ignore_conflicts=True)
    return len(found)


def _near_copy(demonstration: Demonstration) -> NearCopyFound | None:
    known = list(_known_texts(demonstration))
    nearest = near_copy_of(demonstration.text, [text for text, _source in known])
    if nearest is None:
        return None
    text, source = known[nearest.number]
    return NearCopyFound(demonstration=demonstration, likeness=nearest.likeness, known_text=text, source=source)


def _known_texts(demonstration: Demonstration) -> Iterator[tuple[str, str]]:
    """(what a model wrote, where it stands): completions of the same prompt, and suggestions made to the labeler."""
    completions = Completion.objects.filter(task__prompt=demonstration.prompt_id)
    for pk, text in completions.values_list("pk", "text"):
        yield text, f"completion {pk}"
    suggestions = Suggestion.objects.filter(request__composition__labeler=demonstration.labeler_id).order_by("-pk")
    for pk, text in suggestions.values_list("pk", "text")[:SUGGESTIONS_KNOWN]:
        yield text, f"suggestion {pk}"
