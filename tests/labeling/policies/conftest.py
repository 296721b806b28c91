from pathlib import Path

import pytest
from pytest_django import Settings

from tests.labeling.policies.scripted_trainer import ScriptedTrainer
from tests.tiny_models import make_tiny_model


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.POLICY_PRESET, settings.SFT_BASE_MODEL_PATH = "tiny", ""


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedTrainer:
    scripted = ScriptedTrainer(make_tiny_model(tmp_path / "made"))
    monkeypatch.setattr("labeling.training.services.trainer.run_trainer", scripted)
    return scripted
