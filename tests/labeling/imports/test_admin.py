"""Prompts out of a file through the admin: previewed with every kind of refusal, then taken in whole or in part."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.base.states import ImportState
from labeling.models import Campaign, Demonstration, ImportedRanking, Prompt, PromptImport, RankingTask, Submitter
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

GOOD = [
    {"prompt": "Why is the sea salty?", "submitter": "carol"},
    {"prompt": "写一首关于雨的短诗。"},
    {"prompt": "Name a bird.", "completions": [{"text": f"Bird {n}", "model": "m"} for n in range(4)]},
]


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "uploads"


def address_of(campaign: Campaign) -> str:
    return reverse("admin:labeling_campaign_import_prompts", args=[campaign.pk])


def file_of(lines: list[Any], name: str = "prompts.jsonl") -> SimpleUploadedFile:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    return SimpleUploadedFile(name, text.encode())


def previewed(client: Client, campaign: Campaign, lines: list[Any], **defaults: str) -> Any:
    """The page of the import, which the upload leads to."""
    before = Prompt.objects.count()
    response = client.post(address_of(campaign), {"file": file_of(lines), **defaults}, follow=True)
    assert response.status_code == 200
    assert Prompt.objects.count() == before
    return response


def step(client: Client, name: str, **sent: str) -> Any:
    newest = PromptImport.objects.latest("pk")
    return client.post(reverse(f"admin:labeling_promptimport_{name}", args=[newest.pk]), sent, follow=True)


def test_a_good_file_is_previewed_and_then_taken_whole() -> None:
    client, campaign = admin_browser(), make_campaign()
    preview = previewed(client, campaign, GOOD, dataset="birds", licence="CC0")
    assert "Import all 3 prompts" in preview.text
    assert "Why is the sea salty?" in preview.text
    written = {each["name"]: each["value"] for each in preview.context["columns"]}
    assert written["completions"].startswith('[{"text": "Bird 0", "model"')  # as in the file, and no Python
    assert '<div dir="auto">Bird 3</div>' in preview.text
    assert "<td>Other</td>" in preview.text
    response = step(client, "take_in")
    assert texts_of(response) == ["prompts.jsonl: 3 prompts imported · 1 ready ranking task"]
    assert set(campaign.prompts.values_list("language", flat=True)) == {"en", "zh"}
    assert RankingTask.objects.get().k == 4
    done = PromptImport.objects.get()
    assert (done.state, done.dataset, done.licence, done.prompts.count()) == ("done", "birds", "CC0", 3)
    assert set(campaign.prompts.values_list("import_line", flat=True)) == {1, 2, 3}


def test_refusals_are_shown_by_kind_and_the_good_lines_can_be_kept() -> None:
    client, campaign = admin_browser(), make_campaign()
    lines = [GOOD[0], '{"prompt": "broken', {"prompt": "  "}, GOOD[1]]
    lines += [{"prompt": f"Number {number} is fine.", f"colour{number}": "red"} for number in range(200)]
    preview = previewed(client, campaign, lines)
    kinds = preview.context["result"].refused.kinds.values()
    assert sorted(kind.count for kind in kinds) == [1, 1, 200]
    assert [(each.line, each.column) for kind in kinds for each in kind.examples] == [
        (2, 12), (3, 2), (5, 33), (6, 33), (7, 33)
    ]  # fmt: skip
    assert "Broken JSON" in preview.text
    assert "“colour0” is unknown" in preview.text
    assert "“colour9” is unknown" not in preview.text
    assert "and 197 more lines like these" in preview.text
    assert "Import 2 good lines, leave 202 out" in preview.text
    step(client, "take_in", keep_good="1")
    assert campaign.prompts.count() == 2


def test_without_keeping_the_good_lines_one_refusal_takes_nothing() -> None:
    client, campaign = admin_browser(), make_campaign()
    previewed(client, campaign, [GOOD[0], "{"])
    response = step(client, "take_in")
    assert "Nothing was imported" in texts_of(response)[0]
    assert response.context["result"].refused.count == 1
    assert not campaign.prompts.exists()


def test_a_near_duplicate_links_to_its_twin_or_is_taken_where_only_the_beginning_is_alike() -> None:
    client, campaign = admin_browser(), make_campaign()
    preamble = "Read the passage and answer the question that comes after it, in one sentence only. " * 3
    twin = make_prompt(campaign, text=f"{preamble}Who built it?", submitter="dave")
    preview = previewed(client, campaign, [{"prompt": f"{preamble}Who sold it?"}])
    assert reverse("admin:labeling_prompt_change", args=[twin.pk]) in preview.text
    assert "near-duplicate" in preview.text
    assert "Import 1 prompt" not in preview.text
    assert "Import 1 prompt" in step(client, "read_again", take_alike="on").text


def test_what_the_file_leaves_open_is_filled_in_from_the_form() -> None:
    client, campaign = admin_browser(), make_campaign()
    lines = [{"prompt": "Translate: bonjour", "note": "x"}]
    preview = previewed(client, campaign, lines, submitter="erin", language="fr", use_case="rewrite", ignore="note, id")
    assert not preview.context["result"].refused.count
    step(client, "take_in")
    prompt = campaign.prompts.get()
    assert (prompt.submitter.name, prompt.language, prompt.use_case) == ("erin", "fr", "rewrite")


def test_columns_are_taken_for_what_the_preview_is_told() -> None:
    client, campaign = admin_browser(), make_campaign()
    preview = previewed(client, campaign, [{"query": "Why is the sea salty?", "who": "carol", "votes": 3}])
    assert [each["name"] for each in preview.context["columns"]] == ["query", "who", "votes"]
    assert preview.context["result"].refused.count == 1
    chosen = {"column:query": "prompt", "column:who": "submitter", "column:votes": "-"}
    again = step(client, "read_again", **chosen)
    assert not again.context["result"].refused.count
    assert [each["chosen"] for each in again.context["columns"]] == ["prompt", "submitter", "-"]
    step(client, "take_in")
    assert campaign.prompts.get().submitter.name == "carol"


def test_a_prompt_that_came_meanwhile_stops_the_import_and_shows_the_preview_again() -> None:
    client, campaign = admin_browser(), make_campaign()
    previewed(client, campaign, [GOOD[0]])
    make_prompt(campaign, text="Why is the sea salty?", submitter="dave")
    response = step(client, "take_in")
    assert "changed since the preview" in texts_of(response)[0]
    assert campaign.prompts.count() == 1


def test_wrong_encodings_and_formats_are_refused_in_words() -> None:
    client, campaign = admin_browser(), make_campaign()
    gbk = SimpleUploadedFile("prompts.csv", "prompt\n为什么天空是蓝色的？\n".encode("gb18030"))
    assert "GBK" in client.post(address_of(campaign), {"file": gbk}, follow=True).text
    sheet = SimpleUploadedFile("prompts.xlsx", b"PK\x03\x04 something")
    assert "Excel workbook" in client.post(address_of(campaign), {"file": sheet}, follow=True).text
    assert client.post(address_of(campaign), {}).status_code == 422


def test_what_looks_like_something_else_is_warned_of_and_comes_in_all_the_same() -> None:
    client, campaign = admin_browser(), make_campaign()
    lines = [
        {"prompt": "\n\nHuman: How do I boil an egg?\n\nAssistant: In water.\n\nHuman: How long?"},
        {"instruction": "Name a river.", "input": "<noinput>"},
        {"prompt": "What does â€œdÃ©jÃ  vuâ€ mean?"},
        {"prompt": "Thanks for the egg.<|im_end|>", "demonstration": "You are welcome."},
        {"prompt": "Human error: what is it?", "submitter": "x"},
    ]
    preview = previewed(client, campaign, lines)
    found = preview.context["result"].warnings
    assert [(each.line, each.reason[:24]) for each in found.examples] == [
        (1, "A whole dialogue stands "), (2, "“<noinput>” seems to sta"), (3, "A text looks garbled (mo"),
        (4, "The text holds “<|im_end"),
    ]  # fmt: skip
    assert "“&lt;|im_end|&gt;”" in preview.text
    assert "Import all 5 prompts" in preview.text


def test_what_is_left_out_and_what_spans_lines_is_said() -> None:
    client, campaign = admin_browser(), make_campaign()
    texts = ["def f():\n    return 1", "def f():\n        return 1", "def f():\n    return 1 ", " "]
    given = [{"text": text, "model": f"m{n}"} for n, text in enumerate(texts)]
    preview = previewed(client, campaign, [{"prompt": "Write f.", "completions": given, "submitter": "s"}])
    assert "2 completions are left out: they are empty, or the same as another of their prompt." in preview.text
    table = SimpleUploadedFile("a.csv", b'prompt\n"Why is the sky blue?\nWho wrote Emma?"\nWhy do cats purr?\n')
    page = client.post(address_of(campaign), {"file": table, "submitter": "s"}, follow=True).text
    assert "1 record spans several lines (lines 2 to 3 are one record)" in page
    assert "All prompts fall into the split" in page


def test_existing_comparisons_are_nobodys_work() -> None:
    client, campaign = admin_browser(), make_campaign(demonstrations_per_prompt=0)
    pairs = [{"prompt": "Greet me.", "chosen": "Hello!", "rejected": worse} for worse in ("No.", "Go away.")]
    preview = previewed(client, campaign, [*pairs, pairs[0], {"prompt": "Hi there", "chosen": "a", "rejected": "b"}])
    assert "4 records are read as: TRL preference" not in preview.text
    assert "3 records are read as: TRL preference" in preview.text
    assert "The same comparison of the same prompt is there already" in preview.text
    step(client, "take_in", keep_good="1")
    assert (campaign.prompts.count(), ImportedRanking.objects.count(), RankingTask.objects.count()) == (2, 3, 0)
    assert set(campaign.prompts.values_list("ranking_tasks_needed", flat=True)) == {0}
    first = ImportedRanking.objects.earliest("pk")
    assert first.completions == [
        {"text": "Hello!", "model": "unknown", "rank": 1}, {"text": "No.", "model": "unknown", "rank": 2},
    ]  # fmt: skip
    listed = client.get(reverse("admin:labeling_importedranking_changelist"))
    assert listed.text.count("Go away.") == 1
    assert client.get(reverse("admin:labeling_importedranking_change", args=[first.pk])).status_code == 200


class TestUndo:
    def test_takes_out_all_that_came_in(self) -> None:
        client, campaign = admin_browser(), make_campaign()
        make_prompt(campaign, text="Why is grass green?", submitter="carol")
        previewed(client, campaign, [*GOOD, {"prompt": "Greet me.", "chosen": "Hello!", "rejected": "No."},
                                     {"prompt": "Say it.", "demonstration": "It."}])  # fmt: skip
        step(client, "take_in")
        assert "5 prompts were taken out" in texts_of(step(client, "undo"))[0]
        assert campaign.prompts.get().last_user_text() == "Why is grass green?"
        assert not any(noun.objects.exists() for noun in (RankingTask, ImportedRanking, Demonstration))
        assert list(Submitter.objects.values_list("name", "prompt_count")) == [("carol", 1)]
        assert PromptImport.objects.get().state == ImportState.UNDONE
        previewed(client, campaign, GOOD)
        assert "3 prompts imported" in texts_of(step(client, "take_in"))[0]

    def test_is_refused_once_something_was_ranked(self) -> None:
        client, campaign = admin_browser(), make_campaign(demonstrations_per_prompt=0)
        previewed(client, campaign, [GOOD[2]])
        step(client, "take_in")
        rank(make_labeler("alice"), [1, 2, 3, 4])
        assert "1 rankings and 0 demonstrations were made of what it brought" in step(client, "undo").text
        assert campaign.prompts.exists()
        assert PromptImport.objects.get().state == ImportState.DONE


def test_an_upload_that_is_gone_is_said(uploads: Path) -> None:
    client, campaign = admin_browser(), make_campaign()
    previewed(client, campaign, GOOD)
    for path in uploads.iterdir():
        path.unlink()
    assert "no longer here" in step(client, "take_in").text
    assert not Prompt.objects.exists()


def test_the_upload_is_removed_once_it_is_taken(uploads: Path) -> None:
    client, campaign = admin_browser(), make_campaign()
    previewed(client, campaign, GOOD)
    assert len(list(uploads.iterdir())) == 1
    step(client, "take_in")
    assert list(uploads.iterdir()) == []


def test_names_of_300_characters_do_no_harm() -> None:
    client, campaign = admin_browser(), make_campaign()
    sent = SimpleUploadedFile(f"{'n' * 300}.jsonl", json.dumps(GOOD[0]).encode())
    sent._name = f"{'n' * 300}.jsonl"  # type: ignore[attr-defined]  # Django itself shortens what browsers send
    assert "Import 1 prompt" in client.post(address_of(campaign), {"file": sent}, follow=True).text
