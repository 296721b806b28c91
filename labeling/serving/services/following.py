"""The server has the model that is current: `policy` moves there once it is loaded, and until then the last answers."""

from django.conf import settings

from labeling.base.refusals import ServingUnavailable
from labeling.model_versions.queries import current_sft_model
from labeling.serving.services import server
from labeling.serving.services.streaming import POLICY


def follow_promotions() -> None:
    """Tells the server which version is current, unless it knows. Safe at any time; a server that is down is told when
    it is back."""
    current = current_sft_model()
    if current is None or not settings.SERVING_URL:
        return
    try:
        has = server.models().get(current.name)
        if has is None or has["state"] == "failed" or POLICY not in has["aliases"]:
            server.load(current.name, current.path, aliases=(POLICY,))
    except ServingUnavailable:
        return
