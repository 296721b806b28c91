"""The three lines of the demo with a tiny model: a taste is planted, learned by a reward model and by PPO."""

import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from labeling.base.states import PolicyStage, TaskState
from labeling.campaigns.services.starter import load_campaign
from labeling.model_versions.queries import current_sft_model
from labeling.models import RankingTask
from labeling.policies.services.recipes import change_recipe
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.worker_models import loaded_sampler
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.training, pytest.mark.slow]


def sample_here() -> None:
    """As a sampling worker does."""
    model = current_sft_model()
    assert model is not None
    waiting = RankingTask.objects.filter(campaign__simulated=True, state=TaskState.SAMPLING)
    sample_tasks(
        task_ids=list(waiting.values_list("pk", flat=True)),
        sources=one_source(model, loaded_sampler(model)),
        resample_limit=0,
    )


def test_the_planted_taste_prefers_the_policy(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RM_LEARNING_RATE, settings.RM_BATCH_RANKINGS, settings.RM_EPOCHS = 1e-3, 8, 4
    settings.RM_MAX_LENGTH, settings.K_MAX, settings.SAMPLING_MAX_NEW_TOKENS = 512, 4, 64
    monkeypatch.setattr("labeling.management.commands.simulate_labelers.send_unsampled", sample_here)
    load_campaign()
    promoted(make_tiny_model(tmp_path / "tiny"))
    shared = {"max_new_tokens": 64, "max_length": 512}
    change_recipe(stage=PolicyStage.SFT, options={**shared, "epochs": 1})
    change_recipe(stage=PolicyStage.PPO, options={**shared, "episodes": 512, "leave_out_long_prompts": True})
    out = io.StringIO()
    call_command("train_policy", "sft", now=True, starter_demonstrations=True, stdout=out)
    call_command("simulate_labelers", rankings=40, rule="shorter", noise=0.0, patience=0, then_retrain=True, stdout=out)
    call_command("train_policy", "ppo", now=True, include_simulated=True, taste="shorter", stdout=out)
    print(out.getvalue())
    found = re.search(r"in (\d+)% of them \(95% interval (\d+)% to", out.getvalue())
    assert found is not None, out.getvalue()
    assert int(found[2]) > 50, out.getvalue()
