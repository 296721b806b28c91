"""Which models are in use now."""

from labeling.models import ModelVersion
from labeling.states import ModelKind, ModelState


def current_reward_model() -> ModelVersion | None:
    """With the snapshot that it learned from."""
    current = ModelVersion.objects.filter(kind=ModelKind.REWARD, state=ModelState.CURRENT)
    return current.select_related("snapshot").first()
