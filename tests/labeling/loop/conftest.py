import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

from labeling.loop.services.steering import create_loop, let_go_on
from labeling.model_versions.services.promotion import promote
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Loop, ModelVersion
from tests.labeling.evaluations.people_judge import asked_of
from tests.labeling.models_in_use import registered
from tests.tiny_models import make_tiny_model


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.POLICY_PRESET, settings.SFT_BASE_MODEL_PATH = "tiny", ""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def sft(checkpoint: Path, tmp_path: Path, db: None) -> ModelVersion:
    """The model that is current when the loop begins."""
    return promote(version=registered(shutil.copytree(checkpoint, tmp_path / "sft")), reason="The first one.")


@pytest.fixture
def loop(sft: ModelVersion) -> Loop:
    """One that goes on: two new rankings begin a turn, and few prompts decide it."""
    source = asked_of(24)
    source.reward_models.set([default_reward_model()])
    loop = create_loop(reward_model=default_reward_model(), source=source, min_new_rankings=2, gain=0.4)
    let_go_on(loop=loop)
    return loop
