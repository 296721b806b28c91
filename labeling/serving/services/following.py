"""The server has the model that is current: `policy` moves there once it is loaded, and until then the last answers."""

from django.conf import settings

from labeling.base.refusals import ServingUnavailable
from labeling.base.states import ModelBackend
from labeling.model_versions.queries import current_sft_model
from labeling.serving.services import server
from labeling.serving.services.streaming import POLICY


def follow_promotions() -> None:
    """Tells our server which version is current, unless it knows, or another server samples that. Safe at any time; one
    that is down is told when it is back."""
    current = current_sft_model()
    if current is None or current.backend != ModelBackend.LOCAL or not settings.SERVING_URL:
        return
    try:
        has = server.models().get(current.name)
        if has is None or has.get("state") == "failed" or POLICY not in has.get("aliases", ()):
            server.load(current.name, current.path, aliases=(POLICY,))
    except ServingUnavailable:
        return
