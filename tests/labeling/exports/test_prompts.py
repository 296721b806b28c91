"""Prompts in snapshots: what may be asked, whether or not anybody has labelled it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from labeling.base.refusals import NothingToExport
from labeling.base.states import CampaignStage, CampaignUse, LabelerGroup
from labeling.exports.services.exclusions import leave_out
from labeling.exports.services.lineage import snapshots_with
from labeling.exports.services.snapshots import make_snapshot, write_snapshot
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from lm.snapshot.features import PROMPTS
from lm.snapshot.reading import open_snapshot
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import in_split, lines, rank

pytestmark = pytest.mark.django_db


def asked(directory: Path, split: str) -> list[int]:
    return [record["prompt_id"] for record in lines(directory, f"prompts/{split}.jsonl")]


def test_every_prompt_of_real_work_is_inside_with_labels_or_without(tmp_path: Path) -> None:
    campaign = make_campaign(slug="poems")
    bare = make_prompt(campaign, text="Nobody was asked this yet.")
    ranked = make_prompt(campaign)
    make_ready_task(ranked)
    rank(make_labeler("alice"), [1, 2, 3, 4])
    tested = make_prompt(campaign, submitter=in_split("test")[0])
    make_prompt(make_campaign(stage=CampaignStage.SCREENING))
    simulated = make_prompt(make_campaign(simulated=True))
    manifest = write_snapshot(tmp_path / "out", kinds=["prompts"])
    assert (asked(tmp_path / "out", "train"), asked(tmp_path / "out", "test")) == ([bare.pk, ranked.pk], [tested.pk])
    assert manifest.counts["train"] == {"prompts": 2, "labelers": 0}
    record = lines(tmp_path / "out", "prompts/train.jsonl")[0]
    assert list(record) == list(PROMPTS.fields)
    assert (record["campaign"], record["source"]) == ("poems", bare.source)
    first = next(open_snapshot(tmp_path / "out").prompts("train"))
    assert list(first) == bare.messages
    write_snapshot(tmp_path / "demo", kinds=["prompts"], include_simulated=True)
    assert asked(tmp_path / "demo", "train") == [bare.pk, ranked.pk, simulated.pk]


def test_what_is_left_out_of_training_or_set_aside_is_not_inside(tmp_path: Path) -> None:
    admin = User.objects.create_superuser("root")
    withdrawn, aside, kept = (make_prompt(make_campaign(slug=f"campaign-{number}")) for number in range(3))
    make_prompt(make_campaign(use=CampaignUse.NEVER_TRAIN))
    make_prompt(make_campaign(use=CampaignUse.EVALUATE_ONLY))  # its prompts are in the split test
    leave_out(target=withdrawn, reason="Withdrawn.", by=admin)
    set_prompt_aside(prompt=aside, reason="It can't be answered.")
    make_prompt(kept.campaign, author=make_labeler("hedi", group=LabelerGroup.HELD_OUT))
    manifest = write_snapshot(tmp_path / "out", kinds=["prompts"])
    assert asked(tmp_path / "out", "train") == [kept.pk]
    assert manifest.left_out == {"prompts": {"prompt": 1, "use": 1}}
    with pytest.raises(NothingToExport, match="No record matches"):
        write_snapshot(tmp_path / "held", kinds=["prompts"], held_out=True)


def test_a_snapshot_is_known_to_hold_a_prompt_though_it_was_left_out_or_set_aside_since(tmp_path: Path) -> None:
    held = make_prompt(make_campaign())
    snapshot, _manifest = make_snapshot(tmp_path / "out", made_by="a test", kinds=["prompts", "demonstrations"])
    leave_out(target=held, reason="Withdrawn.", by=User.objects.create_superuser("root"))
    set_prompt_aside(prompt=held, reason="Withdrawn.")
    later = make_prompt(make_campaign(slug="later"))
    assert snapshots_with([held]) == [snapshot]
    assert snapshots_with([later]) == []
