"""A tiny random base model for all tests of what the programs share."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny_models import make_tiny_model

# A busy machine is no counterexample: the first example of a test also pays for loading libraries.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))
