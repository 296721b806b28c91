"""`datasets.load_dataset(SNAPSHOT)` reads real exports of every shape, and Parquet holds what JSONL holds."""

from pathlib import Path
from typing import Any

import pytest

from labeling.base.states import SamplingState
from labeling.desk.demonstrating.services import import_demonstrations
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Completion, Labeler, ModelVersion, RankingTask, SamplingRun
from labeling.ranking_tasks.services.tasks import make_task, mark_ready
from labeling.writing.edits.services import offer_edit, submit_edit
from lm.snapshot.features import features_of
from lm.snapshot.manifest import verify_snapshot
from lm.snapshot.records.written import (
    CompletionRecord,
    DemonstrationRecord,
    PairRecord,
    RankingRecord,
    SuggestionRecord,
)
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import a_task, in_split, lines, rank, talk, write

pytestmark = pytest.mark.django_db


def load(directory: Path, *which: str) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(directory), *which, cache_dir=str(directory.parent / f"cache-{directory.name}"))


def sampled_task(campaign: Any, split: str) -> RankingTask:
    """Of completions with seeds and probabilities, which those that came in a file don't have."""
    model, _ = ModelVersion.objects.get_or_create(name="sft-1", defaults={"kind": "sft", "path": "/sft-1"})
    prompt = make_prompt(campaign, submitter=in_split(split)[0])
    task = make_task(prompt=prompt, campaign=campaign)
    run = SamplingRun.objects.create(
        task=task, model_version=model, requested=4, temperature=1.0, top_p=0.9, seed=7, state=SamplingState.DONE
    )
    for text in "abcd":
        Completion.objects.create(
            task=task, run=run, text=text, text_key=text, finish_reason="stop", mean_logprob=-1.5, token_count=3, seed=1
        )
    mark_ready(task)
    return task


def everything(alice: Labeler) -> None:
    """In train what has nulls where valid and test have values, and the other way round."""
    given = make_campaign(slug="given")
    a_task("train", campaign=given)
    rank(alice, [1, 2, 3, 4])
    asked = make_campaign(slug="asked", ask_strength=True, ask_edit=True, ask_dialogues=True, suggestions_per_turn=1)
    sampled_task(asked, "test")
    ranking = rank(alice, [1, 2, 2, 3], strengths=[4, 1], quality=5, flags=["hallucination"], none_acceptable=True)
    edit = offer_edit(ranking=ranking)
    assert edit is not None
    best = ranking.ranked_completions.get(rank=1)
    submit_edit(labeler=alice, token=str(edit.token), shown_position=best.shown_position, text="e", active_seconds=1)
    sampled_task(given, "valid")
    rank(alice, [2, 1, 1, 1])
    answered = [make_prompt(given, submitter=in_split(split)[0]) for split in ("valid", "train")]
    import_demonstrations([(prompt.pk, "Because.") for prompt in answered])
    make_prompt(make_campaign(demonstrations_per_prompt=1), submitter=in_split("test")[0])
    write(alice, "So it is.")
    talk(alice, asked)


def test_every_kind_and_split_of_one_export_loads_with_the_types_that_its_card_names(
    tmp_path: Path, alice: Labeler
) -> None:
    everything(alice)
    manifest = write_snapshot(
        tmp_path / "out", kinds=["rankings", "pairs", "demonstrations"], margins=True, parquet=True
    )
    assert verify_snapshot(tmp_path / "out") == manifest
    pq = pytest.importorskip("pyarrow.parquet")
    for kind in ("rankings", "pairs", "demonstrations"):
        loaded = load(tmp_path / "out", kind)
        assert set(loaded) == {"train", "validation", "test"}
        for hub_split, rows in loaded.items():
            split = "valid" if hub_split == "validation" else hub_split
            written = lines(tmp_path / "out", f"{kind}/{split}.jsonl")
            assert rows.to_list() == written
            assert rows.column_names == list(features_of(kind, margins=True).fields)
            table = pq.read_table(tmp_path / "out" / "parquet" / kind / f"{split}.parquet")
            assert table.to_pylist() == written
    assert load(tmp_path / "out")["train"].column_names[1] == "ranking_id"  # the first kind, where none is named


def test_held_out_work_and_many_files_load_as_they_are(
    tmp_path: Path, alice: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_task()
    rank(make_labeler("harriet", group="held_out"), [1, 2, 3, 4])
    monkeypatch.setattr("lm.snapshot.writing.SHARD_BYTES", 1)
    write_snapshot(tmp_path / "held", kinds=["pairs"], held_out=True)
    assert {split: rows.num_rows for split, rows in load(tmp_path / "held").items()} == {"held_out": 6}


def test_the_types_name_every_field_in_its_order() -> None:
    shapes: dict[str, Any] = {"rankings": RankingRecord, "pairs": PairRecord, "demonstrations": DemonstrationRecord}
    for kind, shape in shapes.items():
        fields = features_of(kind, margins=True).fields
        assert list(fields) == list(shape.__annotations__)
    rankings: Any = features_of("rankings", margins=False).fields
    assert list(rankings["completions"].item.fields) == list(CompletionRecord.__annotations__)
    suggestion: Any = features_of("demonstrations", margins=False).fields["suggestion"]
    assert list(suggestion.fields) == list(SuggestionRecord.__annotations__)


def test_margins_are_the_strengths_between_two_ranks(tmp_path: Path, alice: Labeler) -> None:
    """Steps of 4 and 1 between ranks 1, 2, 3: 1 for 1 over 2, 0 for 2 over 3, and 1 for both together, at most."""
    make_ready_task(make_prompt(make_campaign(), submitter=in_split("train")[0]), texts=["a", "b", "c", "d"])
    rank(alice, [1, 2, 2, 3], strengths=[4, 1])
    write_snapshot(tmp_path / "with", kinds=["pairs"], margins=True)
    write_snapshot(tmp_path / "without", kinds=["pairs"])
    said = {
        (pair["chosen"][0]["content"], pair["rejected"][0]["content"]): pair["margin"]
        for pair in lines(tmp_path / "with", "pairs/train.jsonl")
    }
    assert said == {("a", "b"): 1, ("a", "c"): 1, ("a", "d"): 1, ("b", "d"): 0, ("c", "d"): 0}
    assert all("margin" not in pair for pair in lines(tmp_path / "without", "pairs/train.jsonl"))
