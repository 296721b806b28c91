"""The language model that this worker process keeps warm."""

from functools import lru_cache
from pathlib import Path

from sampler.protocol import Sampler


@lru_cache(maxsize=1)
def loaded_sampler(path: str) -> Sampler:
    """The sampler of the checkpoint at `path`; a newly promoted model takes the place of the old one."""
    # Imported late because it brings torch, which only sampling workers may load.
    from sampler.transformers_sampler import TransformersSampler  # noqa: PLC0415

    return TransformersSampler.load(Path(path))
