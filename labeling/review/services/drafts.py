"""What a reviewer has entered of a fix or an adjudication, kept with the review until it is decided."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import DraftConflict
from labeling.review.models.reviews import Review
from labeling.review.services.reviews import HELD_FOR, lock_to_decide


@transaction.atomic
def save_draft(*, token: str, reviewer: User, draft: Mapping[str, object], base_version: int, page: str = "") -> Review:
    """Keeps the draft as version `base_version` + 1, and the review for this reviewer.

    Raises DraftConflict, OwnWork, AlreadyDecided, Review.DoesNotExist.
    """
    review = lock_to_decide(token=token, reviewer=reviewer)
    if review.draft_version != base_version and not (page and review.draft_page == page):
        raise DraftConflict(
            f"The draft is at version {review.draft_version}, not {base_version}: another page saved it.",
            current_version=review.draft_version,
            current_draft=review.draft,
            current_page=review.draft_page,
        )
    review.draft, review.draft_page = dict(draft), page
    review.draft_version += 1
    review.draft_saved_at = timezone.now()
    review.held_by, review.held_until = reviewer, timezone.now() + HELD_FOR
    review.save(update_fields=["draft", "draft_page", "draft_version", "draft_saved_at", "held_by", "held_until"])
    return review
