"""Labels that the current reward models contradict go to the reviewers. None is left out by itself."""

from django.db.models import Exists, OuterRef

from labeling.base.states import ReviewReason
from labeling.review.models.reviews import Review
from labeling.review.services.reviews import request_review
from labeling.rewards.models import PreferenceMargin
from labeling.rewards.queries import doubtful

AT_ONCE = 50
"""The most doubtful first: reviewers look at a few a day, and a new model doubts others."""


def request_reviews(*, limit: int = AT_ONCE) -> int:
    """Asks for a review of each doubtful ranking that was never reviewed for its doubt, until `limit` wait.

    Returns how many were asked for.
    """
    waiting = Review.objects.filter(state="waiting", reasons__contains=[ReviewReason.DOUBTFUL]).count()
    known = Review.objects.filter(assignment=OuterRef("ranking__assignment"), reasons__contains=[ReviewReason.DOUBTFUL])
    found = doubtful(PreferenceMargin.objects.filter(~Exists(known), ranking__simulated=False, ranking__fixed_by=None))
    asked = [
        request_review(label=margin.ranking, reason=ReviewReason.DOUBTFUL)
        for margin in found.select_related("ranking")[: max(0, limit - waiting)]
    ]
    return len([review for review in asked if review is not None])
