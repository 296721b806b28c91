"""A tiny language model is fine-tuned and then tuned against a tiny reward model, by the tasks that workers do."""

from pathlib import Path

import pytest
from pytest_django import Settings

from labeling.base.states import ModelKind, PolicyStage, RunState
from labeling.model_versions.services.promotion import promote
from labeling.models import PolicyRun
from labeling.policies.rules.options import Options
from labeling.policies.services.recipes import change_recipe
from labeling.tasks.training import train_policy
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write
from tests.labeling.models_in_use import promoted, registered, tried
from tests.labeling.policies.scripted_trainer import asked
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.training, pytest.mark.slow]


def trained(run: PolicyRun) -> PolicyRun:
    train_policy(run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.usefixtures("trainers")
def test_sft_then_ppo_through_the_task(tmp_path: Path, settings: Settings) -> None:
    campaign = make_campaign(demonstrations_per_prompt=1)
    alice = make_labeler("alice")
    for number in (1, 2, 3, 48):  # the last one's prompt is of the split valid
        make_prompt(campaign, submitter=f"submitter-{number}")
        write(alice, f"It is {number}.")
    make_ready_task(make_prompt(campaign, submitter="submitter-4"))
    rank(make_labeler("bob"), [1, 2, 3, 4])
    base = promoted(make_tiny_model(tmp_path / "base"))
    reward = promoted(make_tiny_reward_model(tmp_path / "reward"), kind=ModelKind.REWARD)
    others = [
        registered(make_tiny_reward_model(tmp_path / f"reward-{seed}", seed=seed), kind=ModelKind.REWARD)
        for seed in (1, 2)
    ]
    change_recipe(stage=PolicyStage.SFT, options={"epochs": 2, "max_new_tokens": 8})
    tiny: Options = {
        "episodes": 16,
        "batch": 8,
        "minibatch": 8,
        "watch_every": 1,
        "max_new_tokens": 8,
        "checkpoint_every": 1,
        "ensemble_rule": "worst",
    }
    change_recipe(stage=PolicyStage.PPO, options=tiny, ensemble=others[:1])

    sft = trained(asked("sft"))
    assert sft.state == RunState.DONE, sft.failure
    version = sft.model_version
    assert version is not None
    assert version.parent == base
    assert [point.step for point in sft.points.all()] == [1, 2]
    assert sft.points.exclude(valid_loss=None).count() == 2
    assert [look.step for look in sft.looks.all()] == [0, 1, 2]

    promote(version=tried(version), reason="It answers.")
    ppo = trained(asked("ppo", watched_by=others[1]))
    assert ppo.state == RunState.DONE, ppo.failure
    assert ppo.model_version is not None
    assert (ppo.model_version.parent, ppo.model_version.rewarded_by) == (version, reward)
    assert list(ppo.model_version.ensemble.all()) == others[:1]
    together = Path(ppo.model_version.metrics["config"]["ensemble"])
    assert [link.resolve() for link in together.iterdir()] == [Path(others[0].path)]
    assert [point.step for point in ppo.points.all()] == [1, 2]
    assert {"reward", "kl", "entropy", "length"} <= set(ppo.points.all()[0].figures)
    looks = list(ppo.looks.all())
    assert [look.step for look in looks] == [0, 1, 2]
    assert "win_rate" in looks[-1].figures
    assert [each["prompt"] for each in looks[0].samples] == [each["prompt"] for each in looks[-1].samples]
    left = [path.name for path in Path(settings.CHECKPOINTS_DIR).iterdir() if path.name.startswith(".")]
    assert all(name.endswith(".lock") for name in left)
