"""Existing comparisons in snapshots: only where they are asked for, marked, and readable by the trainer."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from labeling.base.refusals import NothingToExport
from labeling.base.states import CampaignUse
from labeling.campaigns.services.campaigns import change_campaign
from labeling.exports.services.exclusions import leave_out, take_in
from labeling.exports.services.snapshots import SnapshotOptions, register_snapshot, write_snapshot
from labeling.imports.services.undoing import undo_import
from labeling.models import Demonstration, Prompt, PromptImport, Ranking
from lm.snapshot.reading import open_snapshot
from lm.snapshot.records.constants import IMPORTED_FROM
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

HELPSTEER = [
    {"context": [{"role": "user", "content": f"Question {n}: why?"}], "response1": f"Because {n}.", "response2": "No.",
     "overall_preference": -3, "domain": "general", "language": "english", "individual_preference": []}
    for n in range(3)
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "helpsteer3.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in HELPSTEER))
    return path


def records_in(directory: Path) -> list[dict[str, Any]]:
    files = sorted((directory / "rankings").iterdir())
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_they_are_in_a_snapshot_on_request_with_their_origin(file: Path, tmp_path: Path) -> None:
    campaign = make_campaign(slug="steered", demonstrations_per_prompt=0)
    call_command("import_prompts", file, "--campaign", "steered", "--dataset", "HelpSteer3", "--licence", "CC BY 4.0",
                 stdout=io.StringIO(), stderr=io.StringIO())  # fmt: skip
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("alice"), [1, 2, 3, 4])

    write_snapshot(tmp_path / "ours", kinds=["rankings"])
    manifest = write_snapshot(tmp_path / "all", kinds=["rankings", "pairs"], include_imported=True)

    assert [record["imported"] for record in records_in(tmp_path / "ours")] == [None]
    assert Ranking.objects.count() == 1
    assert manifest.filters["include_imported"] is True
    assert sum(counts.get("imported_rankings", 0) for counts in manifest.counts.values()) == 3
    imported = [record for record in records_in(tmp_path / "all") if record["imported"]]
    assert {json.dumps(record["imported"]) for record in imported} == {
        '{"dataset":"HelpSteer3","licence":"CC BY 4.0","annotator":""}'.replace(",", ", ").replace(":", ": ")
    }
    first = imported[0]
    assert (first["labeler"], first["active_seconds"], first["strengths"]) == (None, None, [4])
    assert [(each["text"], each["rank"]) for each in first["completions"]] == [("Because 0.", 1), ("No.", 2)]
    ids = [each["completion_id"] for record in imported for each in record["completions"]]
    assert len(set(ids)) == 6
    assert min(ids) > IMPORTED_FROM


def test_the_trainer_reads_them(file: Path, tmp_path: Path) -> None:
    make_campaign(slug="steered")
    call_command("import_prompts", file, "--campaign", "steered", stdout=io.StringIO(), stderr=io.StringIO())
    out = io.StringIO()
    call_command("export_comparisons", "--output", tmp_path / "all", "--include-imported", stdout=out)
    assert "imported rankings" in out.getvalue()
    snapshot = open_snapshot(tmp_path / "all")
    read = [ranking for split in snapshot.splits("rankings") for ranking in snapshot.rankings(split)]
    assert sorted(ranking.completions[0] for ranking in read) == ["Because 0.", "Because 1.", "Because 2."]
    assert {ranking.strengths for ranking in read} == {(4,)}


def test_those_of_a_campaign_that_does_not_train_are_left_out(file: Path, tmp_path: Path) -> None:
    campaign = make_campaign(slug="steered")
    call_command("import_prompts", file, "--campaign", "steered", stdout=io.StringIO(), stderr=io.StringIO())

    def exported(name: str, **selection: Any) -> int:
        try:
            manifest = write_snapshot(tmp_path / name, kinds=["rankings"], include_imported=True, **selection)
        except NothingToExport:
            return 0
        return sum(counts.get("imported_rankings", 0) for counts in manifest.counts.values())

    change_campaign(campaign=campaign, use=CampaignUse.NEVER_TRAIN)
    assert exported("never") == 0
    change_campaign(campaign=campaign, use=CampaignUse.TRAIN_AND_EVALUATE)
    assert exported("again") == 3
    leave_out(target=campaign, reason="of unknown origin")
    assert exported("left-out") == 0
    assert exported("all", include_left_out=True) == 3


def test_an_import_is_left_out_with_all_that_came_of_it(file: Path, tmp_path: Path) -> None:
    campaign = make_campaign(slug="steered", demonstrations_per_prompt=0)
    call_command("import_prompts", file, "--campaign", "steered", stdout=io.StringIO(), stderr=io.StringIO())
    brought, alice = PromptImport.objects.get(), make_labeler("alice")
    make_ready_task(brought.prompts.earliest("pk"))
    rank(alice, [1, 2, 3, 4])
    make_ready_task(make_prompt(campaign))
    kept = rank(alice, [1, 2, 3, 4])
    exclusion = leave_out(target=brought, reason="its licence forbids it")

    options: SnapshotOptions = {"kinds": ["rankings", "demonstrations"], "include_imported": True}
    manifest = write_snapshot(tmp_path / "without", **options)
    assert [record["ranking_id"] for record in records_in(tmp_path / "without")] == [kept.pk]
    assert manifest.left_out == {"rankings": {"prompt_import": 1}, "imported_rankings": {"prompt_import": 3}}
    snapshot = register_snapshot(manifest=manifest, path=tmp_path / "without", made_by="olga")
    page = admin_browser().get(reverse("admin:labeling_snapshot_change", args=[snapshot.pk])).text
    assert "Existing comparisons: 3 of imports that are left out" in page

    take_in(exclusion=exclusion, reason="the licence was read again")
    manifest = write_snapshot(tmp_path / "again", **options)
    assert (len(records_in(tmp_path / "again")), manifest.left_out) == (5, {})


def test_an_import_is_undone_although_one_of_its_demonstrations_was_left_out(tmp_path: Path) -> None:
    path = tmp_path / "answered.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{n} and one?", "demonstration": f"{n + 1}"}) + "\n"
                            for n in range(2)))  # fmt: skip
    make_campaign(slug="steered")
    call_command("import_prompts", path, "--campaign", "steered", stdout=io.StringIO(), stderr=io.StringIO())
    first, second = Demonstration.objects.order_by("pk")
    leave_out(target=first, reason="wrong")
    brought = PromptImport.objects.get()
    assert undo_import(prompt_import=brought) == 1
    assert "was undone" in Prompt.objects.get().set_aside_reason
    assert not Demonstration.objects.filter(pk=second.pk).exists()
