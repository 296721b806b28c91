"""Checks, reviews, and how labelers differ from each other."""

from celery import shared_task

from labeling.quality.bias.services.looking import look_at_habits
from labeling.quality.bias.services.near_copies import find_near_copies
from labeling.quality.gold.services import measuring
from labeling.quality.gold.services.planning import plan_checks as plan_due_checks
from labeling.review.services.planning import plan_reviews as choose_reviews
from labeling.review.services.reports import take_up_skipped
from labeling.rewards.services import doubtful


@shared_task
def plan_checks() -> None:
    """Beat: measures checks that were handed in, and gives labelers the ones that are due."""
    measuring.measure_handed_in()
    plan_due_checks()


@shared_task
def plan_reviews() -> None:
    """Beat: what reviewers are to look at goes into their queue, what was skipped as broken to the admins."""
    choose_reviews()
    take_up_skipped()


@shared_task
def review_doubtful_labels() -> None:
    """Beat: labels that the current reward models contradict go to the reviewers."""
    doubtful.request_reviews()


@shared_task
def look_at_labelers() -> None:
    """Beat: who differs from the others, and which demonstrations are near to what a model wrote."""
    look_at_habits()
    find_near_copies()
