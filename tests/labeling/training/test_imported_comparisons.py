"""Existing comparisons that were imported train a reward model where the installation wants that, and only there."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from labeling.models import TrainingRun
from labeling.training.services.requesting import request_retraining
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run
from labeling.training.services.trainer import Trainer
from labeling.training.services.trainer_process import TrainerFailed
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("included", "imported"), [(False, 0), (True, 1)])
def test_the_snapshot_of_a_retraining_holds_them_where_the_setting_says_so(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, included: bool, imported: int
) -> None:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.RM_BASE_MODEL_PATH = str(tmp_path / "base")
    settings.INCLUDE_IMPORTED_IN_RETRAINING = included
    file = tmp_path / "compared.jsonl"
    file.write_text(json.dumps({"prompt": "Why?", "chosen": "Because.", "rejected": "No."}))
    make_ready_task(make_prompt(make_campaign(slug="poems"), submitter="submitter-1"))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    call_command("import_prompts", file, "--campaign", "poems", "--submitter", "submitter-1", stdout=io.StringIO())

    def fails(_trainer: Trainer, **_: Any) -> None:
        raise TrainerFailed("Out of memory.")

    monkeypatch.setattr(Trainer, "train", fails)
    run = claim_run(run=request_retraining(trigger="manual"), worker="test")
    assert run is not None
    retrain(run)

    run = TrainingRun.objects.select_related("snapshot").get()
    assert run.failure == "Out of memory."
    assert run.snapshot is not None
    lines = (Path(run.snapshot.path) / "rankings" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["imported"] is not None for line in lines] == [False] + [True] * imported
    assert run.snapshot.counts["train"].get("imported_rankings", 0) == imported
