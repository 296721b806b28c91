"""Large files: refused above the limit, otherwise a worker's job whose progress stays with its page."""

import itertools
import json
import threading
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.urls import reverse

from labeling.base.states import ImportState
from labeling.imports.rules.reading import Reading, read_prompts
from labeling.imports.rules.rows import Defaults
from labeling.imports.services import prompt_imports
from labeling.imports.services.prompt_imports import Origin, begin_import, confirm_import, run_waiting
from labeling.imports.services.taking_in import preview
from labeling.imports.services.uploads import keep_upload
from labeling.models import Prompt, PromptImport
from labeling.tasks.imports_and_exports import take_in_file
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What workers were asked for; every file is a large one."""
    settings.VAR_DIR = tmp_path
    asked: list[int] = []

    def keep(_name: str, import_id: int, **_: object) -> bool:
        asked.append(import_id)
        return True

    monkeypatch.setattr("labeling.base.outbox._send", keep)
    monkeypatch.setattr(prompt_imports, "AT_ONCE_BYTES", 10)
    return asked


def lines(count: int) -> bytes:
    return b"".join(json.dumps({"prompt": f"What is {n} plus {n}?"}).encode() + b"\n" for n in range(count))


def begun(content: bytes) -> PromptImport:
    upload = keep_upload(SimpleUploadedFile("sums.jsonl", content))
    return begin_import(
        campaign=make_campaign(), upload=upload, file_name="sums.jsonl", size=len(content), defaults=Defaults(),
        origin=Origin(), user=None,
    )  # fmt: skip


def page_of(client: Client, prompt_import: PromptImport) -> Any:
    return client.get(reverse("admin:labeling_promptimport_change", args=[prompt_import.pk]))


def test_a_worker_checks_and_takes_in_while_the_page_may_be_closed(sent: list[int]) -> None:
    client, waiting = admin_browser(), begun(lines(30))
    assert (waiting.state, sent) == (ImportState.CHECKING, [waiting.pk])
    PromptImport.objects.filter(pk=waiting.pk).update(bytes_read=waiting.size // 2)
    shown = page_of(client, waiting)
    assert "This page may be closed; the work goes on." in shown.text
    assert 'value="50"' in shown.text or 'value="49"' in shown.text
    assert shown["Refresh"]

    take_in_file(waiting.pk)
    shown = page_of(client, waiting)
    assert "Import all 30 prompts" in shown.text
    assert "Refresh" not in shown
    assert not Prompt.objects.exists()

    waiting.refresh_from_db()
    confirm_import(prompt_import=waiting, keep_good=False)
    assert not Prompt.objects.exists()
    take_in_file(waiting.pk)
    take_in_file(waiting.pk)  # a message that came twice
    waiting.refresh_from_db()
    assert (waiting.state, waiting.prompts.count(), waiting.bytes_read) == (ImportState.DONE, 30, waiting.size)


def test_one_that_was_stopped_stays_out() -> None:
    client, waiting = admin_browser(), begun(lines(3))
    client.post(reverse("admin:labeling_promptimport_stop", args=[waiting.pk]))
    take_in_file(waiting.pk)
    assert "Stopped by olga." in page_of(client, waiting).text
    assert not Prompt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_is_stopped_in_the_middle_and_its_progress_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    client, waiting = admin_browser(), begun(lines(300))
    monkeypatch.setattr(prompt_imports, "BEAT_SECONDS", 3600)
    look_at = prompt_imports.Watch.look_at
    read: list[int] = []

    def beat(watch: prompt_imports.Watch) -> None:
        watch.beat()
        read.append(PromptImport.objects.get().bytes_read)
        if len(read) == 2:
            client.post(reverse("admin:labeling_promptimport_stop", args=[waiting.pk]))
            watch.beat()
        connection.close()

    def looked_at(watch: prompt_imports.Watch, reading: Reading, file: BinaryIO) -> None:
        """Its clock, which goes forward twice while the file is read; as in its thread, over another connection."""
        look_at(watch, reading, file)
        go_on, records = reading.each, itertools.count(1)

        def each() -> None:
            if next(records) in (100, 200):
                thread = threading.Thread(target=beat, args=[watch])
                thread.start()
                thread.join()
            go_on()

        reading.each = each

    monkeypatch.setattr(prompt_imports.Watch, "look_at", looked_at)
    run_waiting(import_id=waiting.pk)

    waiting.refresh_from_db()
    assert 0 < read[0] < read[1] < waiting.size
    assert (waiting.state, waiting.bytes_read) == (ImportState.FAILED, read[1])
    assert "Stopped by olga." in page_of(client, waiting).text
    assert not Prompt.objects.exists()


def test_a_file_above_the_limit_is_refused_and_the_limit_is_said_before(settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_MAX_MB = 1
    client, campaign = admin_browser(), make_campaign()
    address = reverse("admin:labeling_campaign_import_prompts", args=[campaign.pk])
    assert "at most 1 MB" in client.get(address).text
    refused = client.post(address, {"file": SimpleUploadedFile("big.jsonl", b" " * 1_100_000)}, follow=True)
    assert "at most 1 MB are taken here" in refused.text
    assert not PromptImport.objects.exists()
    assert not list((tmp_path / "uploads").iterdir())


@pytest.mark.parametrize("who", ["a stranger", "staff"])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(who: str, settings: Any) -> None:
    client = Client() if who == "a stranger" else admin_browser()
    for address in ("/login/", reverse("admin:labeling_campaign_import_prompts", args=[make_campaign().pk])):
        limit = (settings.IMPORT_MAX_MB + 1) * 1024 * 1024 if who == "staff" else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        response = client.generic(
            "POST", address, b"x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(limit + 1)
        )
        assert response.status_code == 413
        assert "MB" in response.text


class Bad:
    """A file of short bad lines that is made while it is read."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.rest = b""

    def readline(self, size: int = -1) -> bytes:
        self.left -= 1
        return b'{"promt": 1}\n' if self.left > 0 else b""

    def read(self, _size: int) -> bytes:
        return b'{"promt": 1}\n'


def test_memory_does_not_grow_with_the_number_of_bad_lines() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        result = preview(make_campaign(), read_prompts(Bad(count), filename="a.jsonl"))  # type: ignore[arg-type]
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (result.refused.count, len(result.refused.examples)) == (count, 3)
        return most

    peak(10)
    assert peak(5_000) < peak(500) + 200_000


def test_paths_of_300_characters_and_worse_are_refused_in_words() -> None:
    make_campaign(slug="sums")
    for path in ("p" * 300, "nul\0"):
        with pytest.raises(CommandError, match="can't be read"):
            call_command("import_prompts", path, "--campaign", "sums")
