"""Model versions are tried before they may be promoted; the server follows what was promoted."""

from celery import shared_task

from labeling.model_versions.services import checks, trying
from labeling.serving.services import following, reports
from labeling.tasks.sampling import top_up_ready_queues
from labeling.worker_models import loaded_rewarder, loaded_sampler


@shared_task
def sample_once(check_id: int) -> None:
    """Loads an SFT model and samples from it, so that it may be promoted; tasks that waited for it are sent."""
    trying.answer_check(check_id=check_id, use=lambda version: trying.sample_once(loaded_sampler(version)))
    top_up_ready_queues()


@shared_task
def score_once(check_id: int) -> None:
    """Loads a reward model and scores with it, so that it may be promoted."""
    trying.answer_check(check_id=check_id, use=lambda version: trying.score_once(loaded_rewarder(version)))


@shared_task
def check_models() -> None:
    """Beat: sends models that no worker has tried, tries broken ones again, ends visibly what waited for too long."""
    checks.give_up_late_checks()
    checks.check_broken_again()
    checks.send_checks()


@shared_task
def follow_promotions() -> None:
    """Beat: the server of the language models has the one that is current, and says what it has."""
    reports.report_server()
    following.follow_promotions()
