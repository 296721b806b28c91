"""The models that this worker process keeps in memory: one to sample from, one that gives rewards."""

import gc
import logging
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelBackend
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_reward_model, why_unusable
from labeling.model_versions.services.backends import check_server
from labeling.model_versions.services.trying import note_unusable
from rm_trainer.protocol import Rewarder
from sampler.backends.connection import Connection, Limits
from sampler.backends.dialects import DIALECTS
from sampler.backends.server import ServerSampler
from sampler.protocol import StreamingSampler

log = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")

_warm_samplers: dict[str, StreamingSampler] = {}
_warm: dict[str, Rewarder] = {}
"""By the path, for which weights a version names never changes; the one used last is last."""


def loaded_sampler(model: ModelVersion) -> StreamingSampler:
    """The sampler of the version: its server, or its checkpoint in memory. Raises UnusableModel, ModelRefused."""
    if model.backend != ModelBackend.LOCAL:
        check_server(model.server)
        return _server_sampler(model.backend, model.server, model.served_name, model.path)

    def load() -> StreamingSampler:
        if not _has_torch():
            raise ModelRefused(
                f"A sampling worker has no torch, so it samples from servers alone. Choose one for “{model}” (Sampled "
                "from), or serve the queue `sampling` by workers that have torch."
            )
        # Imported late because it brings torch, which only sampling workers may load.
        from sampler.transformers_sampler import TransformersSampler  # noqa: PLC0415

        return TransformersSampler.load(model.path)

    return _kept(_warm_samplers, model.path, load, most=settings.SAMPLING_MODELS_IN_MEMORY)


@lru_cache(maxsize=8)
def _server_sampler(backend: str, server: str, served_name: str, path: str) -> StreamingSampler:
    """It keeps its connections open."""
    with_one_who_waits = settings.SAMPLING_SERVER_REQUESTS + 1
    limits = Limits(answer_seconds=settings.SAMPLING_SERVER_SECONDS, concurrency=with_one_who_waits)
    connection = Connection(address=server, api_key=settings.SAMPLING_SERVER_API_KEY, limits=limits)
    return ServerSampler(connection=connection, dialect=DIALECTS[backend], model=served_name, path=Path(path))


def prompts_at_once(model: ModelVersion) -> int:
    """For how many prompts this worker samples together."""
    if settings.SAMPLING_PROMPTS_PER_BATCH:
        return int(settings.SAMPLING_PROMPTS_PER_BATCH)
    if model.backend != ModelBackend.LOCAL:
        return int(settings.SAMPLING_SERVER_REQUESTS)
    return _prompts_of_this_machine()


def loaded_rewarder(model: ModelVersion) -> Rewarder:
    """The reward model of the version. Raises Refused."""

    def load() -> Rewarder:
        # Imported late because it brings torch, which only scoring workers may load.
        from rm_trainer.scorer import Scorer  # noqa: PLC0415

        return Scorer.load(model.path, batch_size=settings.SCORE_BATCH_SIZE)

    return _kept(_warm, model.path, load)


def current_rewarder() -> tuple[ModelVersion, Rewarder] | None:
    """The default reward model's current version; None where there is none or it can't be used here."""
    model = current_reward_model()
    if model is None or why_unusable(model):
        return None
    if not _has_torch():
        log.warning("This worker has no torch: nothing is picked by the reward model.")
        return None
    rewarder = usable(model, loaded_rewarder)
    return None if rewarder is None else (model, rewarder)


def _has_torch() -> bool:
    """A worker that samples from servers alone needs none."""
    return find_spec("torch") is not None


def _prompts_of_this_machine() -> int:
    if not _has_torch():
        return 1
    from sampler.transformers_sampler import prompts_at_once  # noqa: PLC0415  as above

    return prompts_at_once()


def usable(model: ModelVersion, load: Callable[[ModelVersion], Loaded]) -> Loaded | None:
    """The loaded model; None where it can't be loaded, which its page and the admin's front page then say."""
    try:
        return load(model)
    except Exception as failure:
        log.exception("model version %s can't be loaded", model.pk)
        note_unusable(version=model, failure=failure)
        return None


def _kept(warm: dict[str, Loaded], path: str, load: Callable[[], Loaded], *, most: int = 1) -> Loaded:
    """Before another is loaded, the one that was used longest ago goes: never more than `most` of them in memory."""
    if path in warm:
        warm[path] = warm.pop(path)
    else:
        while len(warm) >= most:
            del warm[next(iter(warm))]
        gc.collect()
        warm[path] = load()
    return warm[path]
