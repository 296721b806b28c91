"""What our server of language models says of itself is written down, so that no page waits for it."""

from django.conf import settings
from django.utils import timezone

from labeling.base.refusals import ServingUnavailable
from labeling.serving.models import ServerReport
from labeling.serving.services import server


def report_server() -> None:
    """Asks the server at SERVING_URL what it has, and writes that down, or that it does not answer. What was said of
    other addresses goes."""
    ServerReport.objects.exclude(address=settings.SERVING_URL or "").delete()
    if not settings.SERVING_URL:
        return
    try:
        said = {"answers": True, "told": server.models()}
    except (ServingUnavailable, server.NotLoaded):  # the log says why
        said = {"answers": False, "told": {}}
    ServerReport.objects.update_or_create(address=settings.SERVING_URL, defaults=said | {"at": timezone.now()})
