"""After a ranking: its best completion, improved by whoever ranked it, or left as it is."""

from pathlib import Path
from typing import Any, cast

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from labeling.base.refusals import AlreadySubmitted
from labeling.desk.ranking.services import revise_ranking
from labeling.desk.services.leases import close_campaign
from labeling.exports.services.records.pairs import pair_records
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Composition, Demonstration, Labeler, Ranking
from labeling.writing.edits.services import offer_edit, submit_edit
from lm.snapshot.records.rankings import parse_ranking
from lm.snapshot.records.written import RankingRecord
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.handed_in import judgements, lines, reopened

pytestmark = pytest.mark.django_db

TEXTS = ["Tea is hot.", "Tea is a leaf.", "Tea is green.", "No idea."]


def ranked(client: Client, ranks: list[int], **campaign: Any) -> str:
    """Where a ranking handed in leads."""
    make_ready_task(make_prompt(make_campaign(**{"ask_edit": True} | campaign)), texts=TEXTS)
    address = client.post("/next/ranking/")["Location"]
    form_data = ranking_form_data(ranks)
    if campaign.get("ask_strength"):
        form_data |= {"strength-1": "4", "strength-2": "2", "strength-3": "1"}
    answer = client.post(f"{address}submit/", form_data)
    assert answer.status_code == 302
    return str(answer["Location"])


def best_text() -> str:
    return Ranking.objects.get().ranked_completions.get(rank=1).completion.text


def test_a_campaign_that_does_not_ask_leads_on(client: Client) -> None:
    assert ranked(client, [1, 2, 3, 4], ask_edit=False) == "/"
    assert not Composition.objects.exists()


def test_the_best_opens_in_the_editor(client: Client) -> None:
    html = client.get(ranked(client, [3, 1, 2, 4])).content.decode()
    assert f">&#10;{best_text()}</textarea>" in html
    assert 'data-preview="/preview/"' in html
    assert "secret-model" not in html


def test_the_improvement_becomes_a_demonstration_of_the_ranking(client: Client, alice: Labeler) -> None:
    page = ranked(client, [3, 1, 2, 4])
    answer = client.post(f"{page}submit/", {"best": "2", "text": "Tea is a leaf in hot water.", "active_seconds": "3"})
    assert answer["Location"] == "/"
    edit = Demonstration.objects.get()
    assert (edit.source, edit.text, edit.labeler) == ("edit", "Tea is a leaf in hot water.", alice)
    assert edit.edited_completion is not None
    assert edit.edited_completion.text == best_text()
    shown = client.get(f"/history/{Ranking.objects.get().assignment.token}/").content.decode()
    assert "Tea is a leaf in hot water." in shown


def test_after_it_the_next_ranking_follows(client: Client) -> None:
    page = ranked(client, [1, 2, 3, 4])
    make_ready_task(make_prompt(make_campaign()))
    assert client.post(f"{page}submit/", {"best": "1", "text": "Better."})["Location"].startswith("/work/")


def test_it_can_be_left_with_one_press(client: Client) -> None:
    page = ranked(client, [1, 2, 3, 4])
    assert client.post(f"{page}discard/")["Location"] == "/"
    assert not Demonstration.objects.exists()
    assert Ranking.objects.count() == 1


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_unchanged_or_empty_text_is_refused_in_words(client: Client, text: str | None) -> None:
    page = ranked(client, [1, 2, 3, 4])
    answer = client.post(f"{page}submit/", {"best": "1", "text": f"{best_text()}\r\n" if text is None else text})
    assert answer.status_code == 422
    assert "Everything you entered is kept" in answer.content.decode()
    assert not Demonstration.objects.exists()


def test_the_text_of_another_completion_is_refused_and_kept(client: Client) -> None:
    """One text would stand at two ranks, chosen over itself."""
    page = ranked(client, [3, 1, 2, 4])
    worst = Ranking.objects.get().ranked_completions.get(rank=4)
    answer = client.post(f"{page}submit/", {"best": "2", "text": f"{worst.completion.text}\n"})
    assert answer.status_code == 422
    assert "This is completion D, which has its rank already" in answer.content.decode()
    assert worst.completion.text in str(Composition.objects.get().draft["text"])
    assert not Demonstration.objects.exists()


def test_an_edit_that_equals_another_completion_is_left_out_of_rankings_and_counted(
    client: Client, tmp_path: Path
) -> None:
    """Of a time in which the desk took such a thing: the demonstration stays, but no pair has one text twice."""
    page = ranked(client, [1, 2, 3, 4])
    client.post(f"{page}submit/", {"best": "1", "text": "Better."})
    other = Ranking.objects.get().ranked_completions.get(rank=3).completion.text
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE labeling_demonstration DISABLE TRIGGER USER")
        cursor.execute("UPDATE labeling_demonstration SET text = %s", [other])
    manifest = write_snapshot(tmp_path / "out", kinds=["rankings", "pairs", "demonstrations"])
    (split,) = manifest.counts
    (record,) = lines(tmp_path / "out", f"rankings/{split}.jsonl")
    assert len(record["completions"]) == 4
    assert manifest.counts[split]["edits_left_out"] == 1
    pairs = lines(tmp_path / "out", f"pairs/{split}.jsonl")
    assert len(pairs) == 6
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    assert len(lines(tmp_path / "out", f"demonstrations/{split}.jsonl")) == 1


def test_an_oversized_text_is_refused_and_kept(client: Client) -> None:
    page = ranked(client, [1, 2, 3, 4])
    assert client.post(f"{page}submit/", {"best": "1", "text": "x" * 100_001}).status_code == 422
    assert Composition.objects.get().draft["text"] == ["x" * 100_001]


def test_of_tied_best_the_labeler_chooses_one(client: Client) -> None:
    page = ranked(client, [1, 1, 2, 3])
    html = client.get(page).content.decode()
    assert "Improve A" in html
    assert "Improve B" in html
    assert "Improve C" not in html
    assert '<textarea id="text"' not in html
    assert '<textarea id="text"' in client.get(f"{page}?best=2").content.decode()
    assert client.post(f"{page}submit/", {"text": "Better."}).status_code == 422
    assert client.post(f"{page}submit/", {"best": "3", "text": "Better."}).status_code == 422
    client.post(f"{page}submit/", {"best": "2", "text": "Better."})
    edit = Demonstration.objects.get()
    assert edit.ranking is not None
    assert edit.ranking.ranked_completions.get(completion=edit.edited_completion).shown_position == 2


def test_its_draft_is_saved_like_all_work(client: Client) -> None:
    page = ranked(client, [1, 2, 3, 4])
    body = {"draft": {"best": ["1"], "text": ["Half of"]}, "base_version": 0}
    assert client.put(f"{page}draft/", body, "application/json").status_code == 200
    assert ">&#10;Half of</textarea>" in client.get(page).content.decode()
    assert "Improve the best completion" in client.get("/").content.decode()


def test_handing_in_twice_counts_once(client: Client, alice: Labeler) -> None:
    page = ranked(client, [1, 2, 3, 4])
    client.post(f"{page}submit/", {"best": "1", "text": "First."})
    again = client.post(f"{page}submit/", {"best": "1", "text": "Second."}, follow=True)
    assert "submitted already" in again.content.decode()
    token = str(Composition.objects.get().token)
    with pytest.raises(AlreadySubmitted):
        submit_edit(labeler=alice, token=token, shown_position=1, text="Third.", active_seconds=1)
    assert Demonstration.objects.get().text == "First."


def test_it_is_offered_once_for_a_ranking_and_is_nobody_elses(client: Client, bob: Labeler) -> None:
    page = ranked(client, [1, 2, 3, 4])
    offered = offer_edit(ranking=Ranking.objects.get())
    assert offered is not None
    assert str(offered.token) in page
    assert browser_of(bob).get(page).status_code == 404


def test_a_closed_campaign_takes_no_more_of_it(client: Client) -> None:

    page = ranked(client, [1, 2, 3, 4])
    close_campaign(campaign=Composition.objects.get().campaign)
    answer = client.post(f"{page}submit/", {"best": "1", "text": "Better."})
    assert answer.status_code == 410
    assert "Better." in answer.content.decode()
    assert not Demonstration.objects.exists()


def test_snapshots_hold_it_above_all_and_the_trainer_reads_it(client: Client, tmp_path: Path) -> None:
    page = ranked(client, [3, 1, 2, 4], ask_strength=True)
    client.post(f"{page}submit/", {"best": "2", "text": "Better."})
    write_snapshot(tmp_path / "out", kinds=["rankings", "pairs", "demonstrations"])
    split = next((tmp_path / "out" / "rankings").iterdir()).name
    (record,) = lines(tmp_path / "out", f"rankings/{split}")
    assert [each["edited"] for each in record["completions"]] == [False] * 4 + [True]
    assert sorted(each["rank"] for each in record["completions"]) == [1, 2, 3, 4, 5]
    edit = record["completions"][-1]
    assert (edit["text"], edit["rank"], edit["completion_id"], edit["model"]) == ("Better.", 1, None, None)
    assert edit["demonstration_id"] == Demonstration.objects.get().pk
    assert record["strengths"] == [None, 4, 2, 1]
    assert len(pair_records(cast("RankingRecord", record))) == 10
    pairs = lines(tmp_path / "out", f"pairs/{split}")
    assert [pair["chosen"][0]["content"] for pair in pairs[:4]] == ["Better."] * 4
    (demonstration,) = lines(tmp_path / "out", f"demonstrations/{split}")
    assert demonstration["source"] == "edit"
    read = parse_ranking(record)
    assert read.completions[read.ranks.index(1)] == "Better."
    assert read.completion_ids[-1] == -edit["demonstration_id"]
    assert read.strengths == (1, 4, 2, 1)


def test_with_a_later_revision_of_the_ranking_it_stays_a_demonstration_alone(
    client: Client, alice: Labeler, tmp_path: Path
) -> None:
    page = ranked(client, [1, 2, 3, 4])
    client.post(f"{page}submit/", {"best": "1", "text": "Better."})
    held = Ranking.objects.get().assignment
    turned = judgements(held, [4, 3, 2, 1])
    revise_ranking(labeler=alice, token=reopened(alice, held), judgements=turned, active_seconds=1)
    write_snapshot(tmp_path / "out", kinds=["rankings", "demonstrations"])
    split = next((tmp_path / "out" / "rankings").iterdir()).name
    (record,) = lines(tmp_path / "out", f"rankings/{split}")
    assert [each["edited"] for each in record["completions"]] == [False] * 4
    assert len(lines(tmp_path / "out", f"demonstrations/{split}")) == 1


def test_postgres_takes_an_edit_of_the_best_alone(client: Client, bob: Labeler) -> None:
    ranked(client, [1, 2, 3, 4])
    ranking = Ranking.objects.get()
    best, worst = (ranking.ranked_completions.get(rank=rank).completion for rank in (1, 4))
    made = {
        "prompt": ranking.task.prompt,
        "labeler": ranking.labeler,
        "instruction_version": ranking.instruction_version,
        "source": "edit",
        "text": "Better.",
        "ranking": ranking,
        "edited_completion": best,
    }
    wrong: list[dict[str, Any]] = [
        {"edited_completion": worst},
        {"text": best.text},
        {"text": worst.text},
        {"labeler": bob},
        {"source": "labeler"},
        {"ranking": None},
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Demonstration.objects.create(**made | change)
    Demonstration.objects.create(**made)
