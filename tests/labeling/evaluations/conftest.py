import shutil
from pathlib import Path

import pytest

from labeling.model_versions.services.promotion import promote
from labeling.models import ModelVersion
from tests.labeling.models_in_use import registered
from tests.tiny_models import make_tiny_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def old(checkpoint: Path, tmp_path: Path, db: None) -> ModelVersion:
    """The model that is current."""
    return promote(version=registered(shutil.copytree(checkpoint, tmp_path / "old")), reason="The first one.")


@pytest.fixture
def new(checkpoint: Path, tmp_path: Path, old: ModelVersion) -> ModelVersion:
    """A candidate that a worker has tried."""
    return registered(shutil.copytree(checkpoint, tmp_path / "new"))


@pytest.fixture
def third(checkpoint: Path, tmp_path: Path, old: ModelVersion) -> ModelVersion:
    return registered(shutil.copytree(checkpoint, tmp_path / "third"))
