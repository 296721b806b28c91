"""The models that this worker process keeps in memory: one to sample from, one that gives rewards."""

import gc
import logging
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.trying import note_unusable
from rm_trainer.protocol import Rewarder
from sampler.protocol import Sampler

log = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")

_warm_samplers: dict[str, Sampler] = {}
_warm: dict[str, Rewarder] = {}
"""At most one of each, by its path: which weights a version names never changes."""


def loaded_sampler(path: str) -> Sampler:
    """The sampler of the checkpoint at `path`. Raises UnusableModel."""

    def load() -> Sampler:
        # Imported late because it brings torch, which only sampling workers may load.
        from sampler.transformers_sampler import TransformersSampler  # noqa: PLC0415

        return TransformersSampler.load(path)

    return _kept(_warm_samplers, path, load)


def loaded_rewarder(path: str) -> Rewarder:
    """The reward model at `path`. Raises Refused."""

    def load() -> Rewarder:
        # Imported late because it brings torch, which only scoring workers may load.
        from rm_trainer.scorer import Scorer  # noqa: PLC0415

        return Scorer.load(path, batch_size=settings.SCORE_BATCH_SIZE)

    return _kept(_warm, path, load)


def usable(model: ModelVersion, load: Callable[[str], Loaded]) -> Loaded | None:
    """The loaded model; None where it can't be loaded, which its page and the admin's front page then say."""
    try:
        return load(model.path)
    except Exception as failure:
        log.exception("model version %s can't be loaded", model.pk)
        note_unusable(version=model, failure=failure)
        return None


def _kept(warm: dict[str, Loaded], path: str, load: Callable[[], Loaded]) -> Loaded:
    """When another was promoted, the one before goes first: never two of them in memory."""
    if path not in warm:
        warm.clear()
        gc.collect()
        warm[path] = load()
    return warm[path]
