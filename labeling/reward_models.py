"""The reward model that this worker process keeps warm."""

import gc

from django.conf import settings

from rm_trainer.protocol import Rewarder

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
