"""Prompts out of a file through the admin: previewed with every refusal, then taken in whole or in part."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.models import Campaign, Prompt, RankingTask
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_prompt

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
    response = client.post(address_of(campaign), {"file": file_of(lines), **defaults})
    assert response.status_code == 200
    assert not Prompt.objects.filter(campaign=campaign, submitter__name="carol").exists()  # nothing was written
    return response


def confirm(client: Client, campaign: Campaign, preview: Any, **buttons: str) -> Any:
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview.text))
    hidden.pop("csrfmiddlewaretoken", None)
    return client.post(address_of(campaign), hidden | buttons, follow=True)


def test_a_good_file_is_previewed_and_then_taken_whole() -> None:
    client, campaign = admin_browser(), make_campaign()
    preview = previewed(client, campaign, GOOD)
    assert "Import all 3 prompts" in preview.text
    assert "Why is the sea salty?" in preview.text
    response = confirm(client, campaign, preview)
    assert texts_of(response) == ["prompts.jsonl: 3 prompts imported, 1 ready ranking task."]
    assert set(campaign.prompts.values_list("language", flat=True)) == {"en", "zh"}
    assert RankingTask.objects.get().k == 4


def test_refused_lines_are_shown_with_line_column_and_reason_and_the_good_ones_can_be_kept() -> None:
    client, campaign = admin_browser(), make_campaign()
    lines = [GOOD[0], '{"prompt": "broken', {"prompt": "  "}, {"prompt": "Fine too.", "colour": "red"}, GOOD[1]]
    preview = previewed(client, campaign, lines)
    refused = preview.context["refused"]
    assert [(row.line, row.column) for row in refused] == [(2, 12), (3, 2), (4, 25)]
    assert "Broken JSON" in preview.text
    assert "“colour” is unknown" in preview.text
    assert "Import 2 good lines, leave 3 out" in preview.text
    confirm(client, campaign, preview, keep_good="1")
    assert campaign.prompts.count() == 2


def test_without_keeping_the_good_lines_one_refusal_takes_nothing() -> None:
    client, campaign = admin_browser(), make_campaign()
    preview = previewed(client, campaign, [GOOD[0], "{"])
    response = confirm(client, campaign, preview)
    assert "Nothing was imported" in texts_of(response)[0]
    assert response.context["result"].refused
    assert not campaign.prompts.exists()


def test_a_near_duplicate_links_to_its_twin() -> None:
    client, campaign = admin_browser(), make_campaign()
    twin = make_prompt(campaign, text="Why is the sea salty?", submitter="dave")
    preview = previewed(client, campaign, [GOOD[0]])
    assert reverse("admin:labeling_prompt_change", args=[twin.pk]) in preview.text
    assert "near-duplicate" in preview.text
    assert "Import" not in re.sub(r"<h1.*?</h1>", "", preview.text.split("cc-buttons")[1].split("</form>")[0])


def test_what_the_file_leaves_open_is_filled_in_from_the_form() -> None:
    client, campaign = admin_browser(), make_campaign()
    lines = [{"prompt": "Translate: bonjour", "note": "x"}]
    preview = previewed(client, campaign, lines, submitter="erin", language="fr", use_case="rewrite", ignore="note, id")
    assert not preview.context["refused"]
    confirm(client, campaign, preview)
    prompt = campaign.prompts.get()
    assert (prompt.submitter.name, prompt.language, prompt.use_case) == ("erin", "fr", "rewrite")


def test_a_prompt_that_came_meanwhile_stops_the_import_and_shows_the_preview_again() -> None:
    client, campaign = admin_browser(), make_campaign()
    preview = previewed(client, campaign, [GOOD[0]])
    make_prompt(campaign, text="Why is the sea salty?", submitter="dave")
    response = confirm(client, campaign, preview)
    assert "changed since the preview" in texts_of(response)[0]
    assert campaign.prompts.count() == 1


def test_wrong_encodings_and_formats_are_refused_in_words() -> None:
    client, campaign = admin_browser(), make_campaign()
    gbk = SimpleUploadedFile("prompts.csv", "prompt\n为什么天空是蓝色的？\n".encode("gb18030"))
    assert "GBK" in client.post(address_of(campaign), {"file": gbk}).text
    sheet = SimpleUploadedFile("prompts.xlsx", b"PK\x03\x04 something")
    assert "Excel workbook" in client.post(address_of(campaign), {"file": sheet}).text
    assert client.post(address_of(campaign), {}).status_code == 422


def test_a_ticket_opens_only_what_was_uploaded_for_the_same_campaign(uploads: Path) -> None:
    client, campaign, other = admin_browser(), make_campaign(), make_campaign()
    preview = previewed(client, campaign, GOOD)
    ticket = preview.context["upload"].ticket
    for address, sent in (
        (address_of(other), ticket),
        (address_of(campaign), ticket + "x"),
        (address_of(campaign), "../../etc/passwd"),
    ):
        assert "Upload the file again" in texts_of(client.post(address, {"ticket": sent}, follow=True))[0]
    for path in uploads.iterdir():
        path.unlink()
    assert "no longer here" in texts_of(confirm(client, campaign, preview))[0]
    assert not Prompt.objects.exists()


def test_the_upload_is_removed_once_it_is_taken(uploads: Path) -> None:
    client, campaign = admin_browser(), make_campaign()
    confirm(client, campaign, previewed(client, campaign, GOOD))
    assert list(uploads.iterdir()) == []
