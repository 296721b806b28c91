"""What reviewers and admins said of a piece of work, beside it on its labeler's pages.

    {% load review_beside %}{% returned_work work as returned %}{% messages_about work as said %}

A tag, since the pages of the desk know nothing of reviews.
"""

from django import template

from labeling.people.models import Labeler
from labeling.review.models.reviews import Review, Work
from labeling.review.queries.threads import (
    ReturnedWork,
    SaidMessage,
    messages_of,
    return_of,
    returned_to,
    thread_about,
)

register = template.Library()


@register.simple_tag
def returned_work(work: Work) -> Review | None:
    """The review that returned it, while its labeler has not answered."""
    return return_of(work)


@register.simple_tag
def messages_about(work: Work) -> list[SaidMessage]:
    return messages_of(thread_about(work.labeler, work))


@register.simple_tag
def returned_to_labeler(labeler: Labeler) -> list[ReturnedWork]:
    return returned_to(labeler)
