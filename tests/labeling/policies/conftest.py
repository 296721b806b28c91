from pathlib import Path

import pytest
from pytest_django import Settings

from tests.labeling.policies.scripted_trainer import ScriptedTrainer


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.POLICY_PRESET, settings.SFT_BASE_MODEL_PATH = "tiny", ""


@pytest.fixture
def trainer(tmp_path: Path, settings: Settings) -> ScriptedTrainer:
    return ScriptedTrainer(tmp_path, settings)
