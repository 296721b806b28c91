"""Newcomers, reservations and leases."""

from celery import shared_task

from labeling.desk.services import leases
from labeling.onboarding.screening.services import number_candidates
from labeling.onboarding.stages.services import end_every_practice
from labeling.ranking_tasks.services import tasks


@shared_task
def look_at_newcomers() -> None:
    """Beat: numbers whoever came into screening, and gives real work to whoever has practised enough."""
    number_candidates()
    end_every_practice()


@shared_task
def release_reservations() -> None:
    """Beat: rankings that their labeler won't make go to others."""
    tasks.release_reservations()


@shared_task
def release_expired_leases() -> None:
    """Beat: what labelers left goes back to the queue."""
    leases.release_expired_leases()
