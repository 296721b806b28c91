"""What admins keep out of training is in no snapshot, each says how much it leaves out, and all can come back."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from labeling.base.refusals import ExclusionRefused, NothingToExport
from labeling.base.states import CampaignUse, ImportState
from labeling.campaigns.services.campaigns import change_campaign
from labeling.exports.services.exclusions import leave_out, take_in
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.services.reward_models import create_reward_model
from labeling.models import Campaign, Change, Demonstration, Exclusion, Labeler, PromptImport, Ranking
from lm.snapshot.manifest import Manifest, read_manifest
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db

KINDS = ("rankings", "demonstrations")
TRAIN, TEST = "submitter-1", "submitter-50"
"""Whose prompts are in these splits (campaigns/rules/splits.py)."""


def ranked(labeler: Labeler, campaign: Campaign | None = None, *, submitter: str = TRAIN) -> Ranking:
    make_ready_task(make_prompt(campaign or make_campaign(), submitter=submitter))
    return rank(labeler, [1, 2, 3, 4])


def written(labeler: Labeler) -> Demonstration:
    make_prompt(make_campaign(demonstrations_per_prompt=1), submitter=TRAIN)
    return Demonstration.objects.get(assignment=write(labeler, "An answer."))


def export(directory: Path, **filters: Any) -> tuple[Manifest, set[int], set[int]]:
    """The manifest, and the ids of the rankings and demonstrations inside."""
    manifest = write_snapshot(directory, kinds=KINDS, **filters)
    ids: dict[str, set[int]] = {"ranking_id": set(), "demonstration_id": set()}
    for file in manifest.files:
        if file.kind not in KINDS:
            continue  # the card
        for line in (directory / file.path).read_text().splitlines():
            record = json.loads(line)
            name = "ranking_id" if file.kind == "rankings" else "demonstration_id"
            ids[name].add(record[name])
    return manifest, ids["ranking_id"], ids["demonstration_id"]


def test_whatever_is_left_out_is_counted_and_can_be_taken_in_again(
    tmp_path: Path, alice: Labeler, bob: Labeler
) -> None:
    kept, ranking, of_bob = ranked(alice), ranked(alice), ranked(bob)
    of_campaign, demonstration = ranked(alice), written(alice)
    every = {kept.pk, ranking.pk, of_bob.pk, of_campaign.pk}
    before, rankings, demonstrations = export(tmp_path / "before")
    assert (rankings, demonstrations, before.left_out) == (every, {demonstration.pk}, {})
    exclusions = [
        leave_out(target=target, reason="not to be trusted")
        for target in (ranking, bob, of_campaign.task.campaign, demonstration)
    ]
    without, rankings, demonstrations = export(tmp_path / "without")
    assert (rankings, demonstrations) == ({kept.pk}, set())
    assert without.left_out == {
        "rankings": {"campaign": 1, "labeler": 1, "ranking": 1},
        "demonstrations": {"demonstration": 1},
    }
    assert read_manifest(tmp_path / "without") == without
    assert register_snapshot(manifest=without, path=tmp_path / "without", made_by="olga").left_out == without.left_out
    _, rankings, demonstrations = export(tmp_path / "all", include_left_out=True)
    assert (rankings, demonstrations) == (every, {demonstration.pk})
    again, _, _ = export(tmp_path / "again", as_of=before.as_of)
    assert again.sha256 == before.sha256  # what a snapshot of that time holds is fixed for good
    for exclusion in exclusions:
        take_in(exclusion=exclusion, reason="it was right after all")
    after, rankings, demonstrations = export(tmp_path / "after")
    assert (rankings, demonstrations, after.left_out) == (every, {demonstration.pk}, {})
    assert Exclusion.objects.filter(reason="not to be trusted", end_reason="it was right after all").count() == 4


def test_of_a_labeler_only_what_came_from_a_day_on_is_left_out(tmp_path: Path, alice: Labeler, bob: Labeler) -> None:
    early = ranked(alice)
    since = timezone.now()
    late, of_bob = ranked(alice), ranked(bob)
    leave_out(target=alice, reason="a new account that clicks through", since=since)
    manifest, rankings, _ = export(tmp_path / "out")
    assert rankings == {early.pk, of_bob.pk}
    assert late.pk not in rankings
    assert manifest.left_out == {"rankings": {"labeler": 1}}


def test_nothing_is_left_out_twice_or_without_a_reason(alice: Labeler) -> None:
    ranking = ranked(alice)
    with pytest.raises(ExclusionRefused, match="Say why"):
        leave_out(target=ranking, reason=" ")
    with pytest.raises(ExclusionRefused, match="Only a labeler"):
        leave_out(target=ranking, reason="late", since=timezone.now())
    exclusion = leave_out(target=ranking, reason="wrong")
    with pytest.raises(ExclusionRefused, match="left out already"):
        leave_out(target=ranking, reason="wrong")
    take_in(exclusion=exclusion, reason="right")
    with pytest.raises(ExclusionRefused, match="taken in again already"):
        take_in(exclusion=exclusion, reason="right")
    leave_out(target=ranking, reason="wrong after all")


def test_a_campaign_is_used_as_it_says(tmp_path: Path, alice: Labeler) -> None:
    evaluated = make_campaign()
    trained, valid_or_test = ranked(alice, evaluated), ranked(alice, evaluated, submitter=TEST)
    evaluated = change_campaign(campaign=evaluated, use=CampaignUse.EVALUATE_ONLY)
    new = ranked(alice, evaluated)  # a new prompt of whomever is in test now, where nobody has met it in training
    never = ranked(alice, make_campaign(use=CampaignUse.NEVER_TRAIN), submitter=TEST)
    manifest, rankings, _ = export(tmp_path / "out")
    assert rankings == {valid_or_test.pk, new.pk}
    assert manifest.left_out == {"rankings": {"use": 2}}
    assert manifest.filters["evaluate_only"] == [evaluated.slug]
    _, rankings, _ = export(tmp_path / "all", include_left_out=True)
    assert rankings == {trained.pk, valid_or_test.pk, new.pk, never.pk}
    with pytest.raises(NothingToExport, match="1 are left out of training; --include-left-out takes them"):
        export(tmp_path / "none", campaign=never.task.campaign.slug)


def test_a_reward_model_is_fed_by_its_campaigns_alone(tmp_path: Path, alice: Labeler) -> None:
    helpful, harmless = make_campaign(), make_campaign()
    safe = create_reward_model(slug="safe", name="Safe")
    harmless.reward_models.set([safe])
    of_helpful, of_harmless = ranked(alice, helpful), ranked(alice, harmless)
    assert export(tmp_path / "safe", reward_model="safe")[1] == {of_harmless.pk}
    assert export(tmp_path / "default", reward_model="reward")[1] == {of_helpful.pk}
    assert export(tmp_path / "both")[1] == {of_helpful.pk, of_harmless.pk}


def test_the_command_says_what_it_leaves_out(
    tmp_path: Path, alice: Labeler, capsys: pytest.CaptureFixture[str]
) -> None:
    ranked(alice)
    leave_out(target=ranked(alice), reason="wrong")
    call_command("export_comparisons", output=tmp_path / "out")
    assert "left out: rankings, 1 by ranking" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["ranking", "demonstration", "labeler", "campaign", "promptimport"])
def test_an_admin_leaves_out_and_takes_in_with_a_reason_and_a_trail(alice: Labeler, target: str) -> None:
    ranking, demonstration = ranked(alice), written(alice)
    row = {
        "ranking": ranking, "demonstration": demonstration, "labeler": alice, "campaign": ranking.task.campaign,
        "promptimport": PromptImport.objects.create(
            campaign=ranking.task.campaign, state=ImportState.DONE, file_name="a.jsonl", finished_at=timezone.now()
        ),
    }[target]  # fmt: skip
    client, page = admin_browser(), reverse(f"admin:labeling_{target}_change", args=[row.pk])
    assert "Leave out of training" in client.get(page).text
    address = reverse(f"admin:labeling_{target}_leave_out", args=[row.pk])
    assert client.post(address, {"reason": ""}).status_code == 422
    said = client.post(address, {"reason": "They copy the prompt."}, follow=True)
    assert "is left out of training from now on" in texts_of(said)[0]
    assert "They copy the prompt." in said.text
    assert "Take in again" in said.text
    exclusion = Exclusion.objects.get()
    kind = "prompt_import" if target == "promptimport" else target
    assert (exclusion.kind, exclusion.excluded_by.username if exclusion.excluded_by else "") == (kind, "olga")
    listed = client.get(reverse("admin:labeling_exclusion_changelist"), {"kind": kind, "in_force": "yes"}).text
    assert "They copy the prompt." in listed
    client.post(reverse("admin:labeling_exclusion_take_in_again", args=[exclusion.pk]), {"reason": "A mistake."})
    exclusion.refresh_from_db()
    assert (exclusion.end_reason, exclusion.ended_at is not None) == ("A mistake.", True)
    trail = Change.objects.filter(table_name="labeling_exclusion").order_by("pk")
    assert [(change.actor, change.action) for change in trail] == [("olga", "insert"), ("olga", "update")]
    assert "Leave out of training" in client.get(page).text


def test_what_is_ticked_in_the_lists_is_left_out_and_taken_in_for_one_reason(alice: Labeler) -> None:
    client, address = admin_browser(), reverse("admin:labeling_ranking_changelist")
    labels = [ranked(alice) for _ in range(3)]
    leave_out(target=labels[0], reason="wrong")
    ticked = {"_selected_action": [label.pk for label in labels]}
    asked = client.post(address, {"action": "leave_out_ticked", **ticked})
    assert "Leave out of training …" in client.get(address).text
    assert client.post(asked["Location"], {"reason": " "}).status_code == 422
    said = client.post(asked["Location"], {"reason": "They clicked through."}, follow=True)
    assert texts_of(said) == ["Left out of training: 2. Were left out already: 1."]
    in_force = Exclusion.objects.in_force()
    assert set(in_force.values_list("ranking", "reason")) == {
        (labels[0].pk, "wrong"), *((label.pk, "They clicked through.") for label in labels[1:]),
    }  # fmt: skip
    asked = client.post(address, {"action": "take_in_ticked", **ticked})
    said = client.post(asked["Location"], {"reason": "All is well."}, follow=True)
    assert texts_of(said) == ["Taken in again: 3. Were not left out by themselves: 0."]
    assert not in_force.all().exists()

    demonstration = written(alice)
    address = reverse("admin:labeling_demonstration_changelist")
    asked = client.post(address, {"action": "leave_out_ticked", "_selected_action": [demonstration.pk]})
    client.post(asked["Location"], {"reason": "Copied."})
    assert Exclusion.objects.in_force().get().demonstration == demonstration


def test_more_ticked_rows_than_an_address_holds_are_refused(alice: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.base.admin.ticked.MOST_TICKED", 1)
    client, address = admin_browser(), reverse("admin:labeling_ranking_changelist")
    ticked = {"_selected_action": [ranked(alice).pk, ranked(alice).pk]}
    said = client.post(address, {"action": "leave_out_ticked", **ticked}, follow=True)
    assert "More than 1 rows are ticked" in texts_of(said)[0]


def test_a_labeler_is_left_out_from_a_day_on(alice: Labeler) -> None:
    address = reverse("admin:labeling_labeler_leave_out", args=[alice.pk])
    yesterday = timezone.localdate() - timedelta(days=1)
    admin_browser().post(address, {"reason": "late", "since": yesterday.isoformat()})
    since = Exclusion.objects.get().since
    assert since is not None
    assert timezone.localtime(since).replace(tzinfo=None) == datetime.combine(yesterday, datetime.min.time())


def test_labels_are_found_by_whether_they_are_left_out(alice: Labeler) -> None:
    kept, out = ranked(alice), ranked(alice)
    leave_out(target=out, reason="wrong")
    client, address = admin_browser(), reverse("admin:labeling_ranking_changelist")
    found = {
        value: {row.pk for row in client.get(address, {"training": value}).context["cl"].result_list}
        for value in ("in", "out")
    }
    assert found == {"in": {kept.pk}, "out": {out.pk}}


def test_the_page_of_a_snapshot_says_what_was_left_out(tmp_path: Path, alice: Labeler) -> None:
    ranked(alice)
    leave_out(target=ranked(alice), reason="wrong")
    manifest = write_snapshot(tmp_path / "out", kinds=KINDS)
    snapshot = register_snapshot(manifest=manifest, path=tmp_path / "out", made_by="olga")
    page = admin_browser().get(reverse("admin:labeling_snapshot_change", args=[snapshot.pk])).text
    assert "1 that were left out one by one" in page


def test_a_simulated_labeler_can_be_left_out_like_any_other(tmp_path: Path) -> None:
    simulated = make_labeler("simulated", simulated=True)
    ranked(simulated, make_campaign(simulated=True))
    leave_out(target=simulated, reason="rule of another test")
    with pytest.raises(NothingToExport):
        export(tmp_path / "out", include_simulated=True)
