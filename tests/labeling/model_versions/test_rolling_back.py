"""What is current comes back in the order in which it was: promoted, rolled back, retired in any order."""

from pathlib import Path

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.base.refusals import ModelRefused
from labeling.base.states import IllegalMove, ModelKind, ModelState
from labeling.model_versions.models import RewardModel
from labeling.model_versions.queries import current_reward_model, way_back
from labeling.model_versions.services.promotion import promote, retire, roll_back
from labeling.model_versions.services.registration import register_model
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import ModelVersion
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.models_in_use import tried
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

pytestmark = pytest.mark.django_db

Directories = dict[ModelKind, dict[str, Path]]
NAMES = ("a", "b", "c", "d")
STEPS = st.lists(
    st.one_of(st.tuples(st.just("promote"), st.sampled_from(NAMES)), st.sampled_from([("back", ""), ("retire", "")])),
    max_size=12,
)


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> Directories:
    """Models of both kinds by their names."""
    make = {ModelKind.SFT: make_tiny_model, ModelKind.REWARD: make_tiny_reward_model}
    return {
        kind: {name: make[kind](tmp_path_factory.mktemp(f"{kind}-models") / name) for name in NAMES}
        for kind in ModelKind
    }


def registered(directories: Directories, kind: ModelKind) -> dict[str, ModelVersion]:
    return {name: tried(register_model(kind=kind, name=name, path=path)) for name, path in directories[kind].items()}


def current(kind: ModelKind) -> str | None:
    version = ModelVersion.objects.current(kind).first()
    return version.name if version else None


def test_rolling_back_twice_over_a_third_model_leads_to_what_was_current_before_it(
    directories: Directories,
) -> None:
    versions = registered(directories, ModelKind.SFT)
    for name in ("a", "b"):
        promote(version=versions[name], reason="better")
    roll_back(kind=ModelKind.SFT)
    promote(version=versions["c"], reason="better still")
    assert roll_back(kind=ModelKind.SFT) == versions["a"]
    with pytest.raises(ModelRefused, match="no earlier"):
        roll_back(kind=ModelKind.SFT)
    told = [(each.version.name, each.rolled_back) for each in versions["a"].promotions.order_by("pk")]
    assert told == [("a", False), ("a", True), ("a", True)]


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(ModelKind), steps=STEPS)
def test_whatever_was_done_the_way_back_is_what_was_current_before(
    directories: Directories, kind: ModelKind, steps: list[tuple[str, str]]
) -> None:
    """Beside a stack: promoting puts on top, rolling back and retiring take off."""
    with transaction.atomic():
        versions = registered(directories, kind)
        reward_model = default_reward_model() if kind == ModelKind.REWARD else None
        behind: list[str] = []
        now: str | None = None
        for step, name in steps:
            back = way_back(kind, reward_model)
            assert (back.version.name if back else None) == (behind[-1] if behind else None)
            if step == "promote" and name == now:
                with pytest.raises(IllegalMove):
                    promote(version=versions[name], reason="again")
            elif step == "promote":
                promote(version=versions[name], reason="better")
                behind, now = behind + ([now] if now else []), name
                while behind and behind[-1] == now:
                    behind.pop()
            elif step == "retire" and now:
                retire(version=versions[now], reason="worse")
                now = None
            elif step == "back" and behind:
                assert roll_back(kind=kind, reward_model=reward_model).name == behind[-1]
                behind, now = behind[:-1], behind[-1]
            elif step == "back":
                with pytest.raises(ModelRefused):
                    roll_back(kind=kind, reward_model=reward_model)
            assert current(kind) == now
            open_now = ModelVersion.objects.filter(promotions__ended_at=None, promotions__isnull=False)
            assert [each.name for each in open_now] == ([now] if now else [])
        transaction.set_rollback(True)


def test_each_reward_model_has_its_own_current_version_and_way_back(directories: Directories) -> None:
    safe = RewardModel.objects.create(slug="safe", name="Safe")
    for name, reward_model in (("a", None), ("b", None), ("c", safe), ("d", safe)):
        version = register_model(
            kind=ModelKind.REWARD, name=name, path=directories[ModelKind.REWARD][name], reward_model=reward_model
        )
        promote(version=tried(version), reason="better")
    assert [current_reward_model(), current_reward_model(safe)] == [
        ModelVersion.objects.get(name="b"),
        ModelVersion.objects.get(name="d"),
    ]
    assert roll_back(kind=ModelKind.REWARD, reward_model=safe).name == "c"
    states = dict(ModelVersion.objects.values_list("name", "state"))
    assert states == {
        "a": ModelState.RETIRED, "b": ModelState.CURRENT, "c": ModelState.CURRENT, "d": ModelState.RETIRED,
    }  # fmt: skip


def test_the_page_promises_a_version_and_rolls_back_to_that_one_or_refuses(directories: Directories) -> None:
    versions = registered(directories, ModelKind.SFT)
    client, address = admin_browser(), reverse("admin:labeling_modelversion_roll_back_sft")
    assert "There is nothing to roll back to" in client.get(address).text
    for name in ("a", "b", "c"):
        promote(version=versions[name], reason="better")
    page = client.get(address).text
    assert "“b” becomes current again in place of “c”" in page
    assert f'name="to" value="{versions["b"].pk}"' in page
    promote(version=versions["d"], reason="meanwhile")
    refused = client.post(address, {"to": versions["b"].pk})
    assert refused.status_code == 422
    assert "would lead to c now, not to b" in refused.text
    done = client.post(address, {"to": versions["c"].pk}, follow=True)
    assert texts_of(done) == ["“c” is current again."]
    history = client.get(reverse("admin:labeling_modelversion_change", args=[versions["a"].pk])).text
    assert "Rolled back from d." in history
