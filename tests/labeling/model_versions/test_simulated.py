"""What learned from simulated labelers says so, and becomes current only when that is asked for."""

from pathlib import Path

import pytest
from django.urls import reverse

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelKind, ModelState
from labeling.model_versions.services.promotion import promote, roll_back
from labeling.model_versions.services.registration import register_model
from labeling.models import ModelVersion
from tests.labeling.admin_cast import admin_browser
from tests.labeling.models_in_use import tried
from tests.tiny_models import make_tiny_reward_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions(tmp_path: Path) -> list[ModelVersion]:
    return [
        tried(
            register_model(
                kind=ModelKind.REWARD,
                name=name,
                path=make_tiny_reward_model(tmp_path / name),
                simulated="simulated" in name,
            )
        )
        for name in ("reward-1-simulated", "reward-2")
    ]


def test_what_learned_from_them_becomes_current_only_when_asked_each_time(versions: list[ModelVersion]) -> None:
    simulated, real = versions
    with pytest.raises(ModelRefused, match="learned from simulated labelers"):
        promote(version=simulated, reason="better")
    promote(version=simulated, reason="a demo", simulated=True)
    promote(version=real, reason="better")
    with pytest.raises(ModelRefused, match="learned from simulated labelers"):
        roll_back(kind=ModelKind.REWARD, reward_model=real.reward_model)
    back = roll_back(kind=ModelKind.REWARD, reward_model=real.reward_model, simulated=True)
    assert back == simulated


def test_the_admin_asks_in_so_many_words(versions: list[ModelVersion]) -> None:
    simulated, _real = versions
    client, address = admin_browser(), reverse("admin:labeling_modelversion_promote", args=[simulated.pk])
    assert "Make it current though it learned from simulated labelers" in client.get(address).text
    assert client.post(address, {"reason": "better"}).status_code == 422
    client.post(address, {"reason": "a demo", "simulated": "on"})
    simulated.refresh_from_db()
    assert simulated.state == ModelState.CURRENT
    page = client.get(reverse("admin:labeling_modelversion_change", args=[simulated.pk])).text
    assert "It learned from simulated labelers" in page
    assert "Simulated labelers" in client.get(reverse("admin:labeling_modelversion_changelist")).text


def test_a_checkpoint_that_says_so_itself_is_marked_when_it_is_registered(tmp_path: Path) -> None:
    path = make_tiny_reward_model(tmp_path / "from-elsewhere")
    (path / "metrics.json").write_text('{"snapshot": {"counts": {"train": {"rankings": 3, "simulated": 1}}}}')
    assert register_model(kind=ModelKind.REWARD, name="from-elsewhere", path=path).simulated
