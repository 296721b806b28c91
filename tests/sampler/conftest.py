"""Samplers on tiny real models, loaded once per test run."""

from collections.abc import Callable
from functools import cache

import pytest

from sampler.transformers_sampler import TransformersSampler
from tests.tiny_models import make_tiny_model

SamplerOf = Callable[..., TransformersSampler]


@pytest.fixture(scope="session")
def sampler_of(tmp_path_factory: pytest.TempPathFactory) -> SamplerOf:
    """`sampler_of(architecture="llama", chat_template=True)`: a float32 sampler on the CPU."""

    @cache
    def load(architecture: str = "llama", *, chat_template: bool = True) -> TransformersSampler:
        directory = tmp_path_factory.mktemp(architecture)
        make_tiny_model(directory, architecture=architecture, chat_template=chat_template)
        return TransformersSampler.load(directory, device="cpu", dtype="float32")

    return load
