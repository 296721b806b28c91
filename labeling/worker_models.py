"""The language model that this worker process keeps in memory.

The reward model that this worker process keeps in memory.
"""

import gc
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from rm_trainer.protocol import Rewarder
from sampler.protocol import Sampler


@lru_cache(maxsize=1)
def loaded_sampler(path: str) -> Sampler:
    """The sampler of the checkpoint at `path`; a newly promoted model takes the place of the old one."""
    # Imported late because it brings torch, which only sampling workers may load.
    from sampler.transformers_sampler import TransformersSampler  # noqa: PLC0415

    return TransformersSampler.load(Path(path))


_warm: dict[str, Rewarder] = {}
"""At most one, by its path: which weights a version names never changes."""


def loaded_rewarder(path: str) -> Rewarder:
    """The model at `path`. When another was promoted, the one before goes first: never two of them in memory."""
    if path not in _warm:
        _warm.clear()
        gc.collect()
        # Imported late because it brings torch, which only scoring workers may load.
        from rm_trainer.scorer import Scorer  # noqa: PLC0415

        _warm[path] = Scorer.load(path, batch_size=settings.SCORE_BATCH_SIZE)
    return _warm[path]
