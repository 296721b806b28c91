"""Alerts, the counts of the front page, webhooks, and what is forgotten."""

from celery import shared_task

from labeling.alerts.services.signs import forget_gone_workers
from labeling.alerts.services.watch import forget_old_incidents, watch
from labeling.api.services.idempotency import forget_old_requests
from labeling.api.services.webhooks import deliver_due, forget_old_deliveries
from labeling.base.attempts import forget_old_attempts
from labeling.console.services import count_days, count_figures
from labeling.onboarding.invitations.services import forget_notes_of_closed_accounts
from labeling.onboarding.screening.services import forget_assessments_of_closed_accounts
from labeling.people.accounts.services import forget_old_failed_logins
from labeling.people.sessions.services import forget_old_sessions


@shared_task
def watch_for_trouble() -> None:
    """Beat: opens, tells and closes alerts."""
    watch()


@shared_task
def count_for_the_console() -> None:
    """Beat: what the front page would be slow to count."""
    count_days()
    count_figures()


@shared_task
def deliver_webhooks() -> None:
    """Beat: one attempt at each event that is due."""
    deliver_due()


@shared_task
def forget_what_is_old() -> None:
    """Beat: personal data and records whose time is over."""
    forget_old_attempts()
    forget_old_failed_logins()
    forget_assessments_of_closed_accounts()
    forget_notes_of_closed_accounts()
    forget_old_sessions()
    forget_old_requests()
    forget_old_deliveries()
    forget_old_incidents()
    forget_gone_workers()
