"""The steps of an import: a file is checked, confirmed and taken in, by a worker where it is large.

Each step is a pass over the file in one transaction. A worker may die between any two lines: then nothing was written,
the row waits, and another worker begins the pass anew.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.export_lock import while_no_export_looks
from labeling.base.outbox import Outbox
from labeling.base.refusals import ImportRefused
from labeling.base.states import IllegalMove, ImportState
from labeling.base.text import LONGEST_ERROR
from labeling.campaigns.models.campaigns import Campaign
from labeling.imports.models import RUNNING, PromptImport
from labeling.imports.rules.options import defaults_of, options_of
from labeling.imports.rules.outcome import ImportResult
from labeling.imports.rules.reading import Reading, read_prompts
from labeling.imports.rules.rows import Defaults
from labeling.imports.services.taking_in import Rows, import_rows, is_import_running, preview
from labeling.imports.services.uploads import forget_upload, opened

AT_ONCE_BYTES = 512 * 1024
"""A smaller file is read while its page is waited for; a larger one by a worker."""
BEAT_SECONDS = 2.0

IMPORTS = Outbox(
    model=PromptImport,
    waiting=RUNNING,
    task="labeling.tasks.take_in_file",
    send_again_after=timedelta(minutes=2),
)


def _fail(import_id: int, error: str) -> None:
    PromptImport.objects.filter(pk=import_id).move(
        to=ImportState.FAILED, error=error[:LONGEST_ERROR], finished_at=timezone.now()
    )


IMPORT_ATTEMPTS = Attempts(task=IMPORTS.task, give_up=_fail)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a file is from and under which licence it may be used, as exports say it."""

    dataset: str = ""
    licence: str = ""


def begin_import(
    *,
    campaign: Campaign,
    upload: str,
    file_name: str,
    size: int,
    defaults: Defaults,
    origin: Origin,
    user: User | None,
) -> PromptImport:
    """Checks the uploaded file: at once, or by a worker where it is large. Raises ImportRefused: too large."""
    if size > settings.IMPORT_MAX_MB * 1024 * 1024:
        forget_upload(upload)
        raise ImportRefused(
            f"{file_name} has {size / 1024 / 1024:,.0f} MB; at most {settings.IMPORT_MAX_MB:,} MB are taken here. "
            "Split it, or import it with manage.py import_prompts, which has no limit."
        )
    begun = PromptImport.objects.create(
        campaign=campaign,
        file_name=file_name,
        upload=upload,
        size=size,
        options=options_of(defaults),
        dataset=origin.dataset,
        licence=origin.licence,
        made_by=user,
    )
    return _go_on(begun)


def check_again(*, prompt_import: PromptImport, defaults: Defaults) -> PromptImport:
    """Checks the file anew, read in another way. Raises IllegalMove: it runs, or is done."""
    prompt_import.move(to=ImportState.CHECKING, options=options_of(defaults), result=None, error="", dispatched_at=None)
    IMPORT_ATTEMPTS.forget(prompt_import.pk)
    return _go_on(prompt_import)


def confirm_import(*, prompt_import: PromptImport, keep_good: bool) -> PromptImport:
    """Takes in what was checked. Raises IllegalMove: it is not checked yet, or was confirmed already."""
    prompt_import.move(to=ImportState.IMPORTING, keep_good=keep_good, bytes_read=0, dispatched_at=None)
    return _go_on(prompt_import)


def stop_import(*, prompt_import: PromptImport, user: User) -> PromptImport:
    """Ends an import that was not taken in yet; a pass that runs notices within seconds. Raises IllegalMove."""
    prompt_import.move(to=ImportState.FAILED, error=f"Stopped by {user.get_username()}.", finished_at=timezone.now())
    return prompt_import


def _go_on(prompt_import: PromptImport) -> PromptImport:
    if prompt_import.size <= AT_ONCE_BYTES:
        run_pass(import_id=prompt_import.pk)
    else:
        IMPORTS.send()
    prompt_import.refresh_from_db()
    return prompt_import


def run_waiting(*, import_id: int) -> None:
    """A worker's pass, whose progress is written down. While another import runs this one waits for its turn."""
    if is_import_running():
        IMPORTS.put_back([import_id])
        return
    waiting = PromptImport.objects.filter(RUNNING, pk=import_id)
    if waiting.update(dispatched_at=timezone.now()):
        IMPORT_ATTEMPTS.work_at([import_id], _watched_pass)


def _watched_pass(ids: list[int]) -> None:
    (import_id,) = ids
    with _watched(import_id) as watch:
        run_pass(import_id=import_id, watch=watch)


def run_pass(*, import_id: int, watch: "Watch | None" = None) -> None:
    """Reads the file once: checks it, or takes it in. Does nothing for an import that waits for neither."""
    prompt_import = PromptImport.objects.select_related("campaign").get(pk=import_id)
    try:
        if prompt_import.state == ImportState.CHECKING:
            _check(prompt_import, watch)
        elif prompt_import.state == ImportState.IMPORTING:
            _take_in(prompt_import, watch)
    except (_Stopped, IllegalMove):  # somebody ended it meanwhile
        return
    except ImportRefused as refused:
        _fail(import_id, str(refused))
    except Exception as failure:
        _fail(import_id, f"{type(failure).__name__}: {failure}")
        raise


def _check(prompt_import: PromptImport, watch: "Watch | None") -> None:
    with _rows(prompt_import, watch) as (rows, reading):
        result = preview(prompt_import.campaign, rows, prompt_import=prompt_import)
    result.columns = reading.columns
    _keep_checked(prompt_import, result)


def _keep_checked(prompt_import: PromptImport, result: ImportResult) -> None:
    checked = {"result": result.as_json(), "bytes_read": prompt_import.size}
    PromptImport.objects.filter(pk=prompt_import.pk).move(to=ImportState.CHECKED, **checked)


def _take_in(prompt_import: PromptImport, watch: "Watch | None") -> None:
    upload = prompt_import.upload
    with _rows(prompt_import, watch) as (rows, reading), transaction.atomic():
        result = import_rows(
            prompt_import.campaign, rows, keep_good=prompt_import.keep_good, prompt_import=prompt_import
        )
        result.columns = reading.columns
        if result.written:
            if watch is not None:
                watch.end()
            finish_import(prompt_import, result)
    if not result.written:
        result.notes.append("Nothing was imported: the campaign changed since the file was checked. Look again.")
        _keep_checked(prompt_import, result)
    else:
        forget_upload(upload)


def finish_import(prompt_import: PromptImport, result: ImportResult) -> None:
    """The last step, in the transaction that took the rows in. Exports go by `finished_at`."""
    while_no_export_looks()
    prompt_import.move(
        to=ImportState.DONE, result=result.as_json(), bytes_read=prompt_import.size, upload="", finished_at=Now()
    )


@contextmanager
def _rows(prompt_import: PromptImport, watch: "Watch | None") -> Iterator[tuple[Rows, Reading]]:
    reading = Reading()
    with opened(prompt_import.upload, file_name=prompt_import.file_name) as file:
        if watch is not None:
            watch.look_at(reading, file)
        defaults = defaults_of(prompt_import.options)
        yield read_prompts(file, filename=prompt_import.file_name, defaults=defaults, reading=reading), reading


class _Stopped(Exception):
    """Somebody ended the import while it ran."""


@dataclass
class Watch:
    """Says how far a pass is, over a connection of its own: its own transaction is seen by nobody until it commits."""

    import_id: int
    position: Callable[[], int] = lambda: 0
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def look_at(self, reading: Reading, file: BinaryIO) -> None:
        self.position = lambda: reading.bytes_done(file.tell())
        reading.each = self._go_on

    def _go_on(self) -> None:
        if self.stopped.is_set():
            raise _Stopped

    def run(self) -> None:
        try:
            while not (self.ended.wait(BEAT_SECONDS) or self.stopped.is_set()):
                self.beat()
        except ValueError:
            return  # the file was closed: the pass is over
        finally:
            connection.close()

    def beat(self) -> None:
        """Writes down how far the pass is, and finds out whether somebody ended the import."""
        found = PromptImport.objects.filter(RUNNING, pk=self.import_id)
        if not found.update(bytes_read=self.position(), dispatched_at=timezone.now()):
            self.stopped.set()

    def end(self) -> None:
        """Before the pass writes to the row itself."""
        self.ended.set()
        if self.thread is not None:
            self.thread.join()


@contextmanager
def _watched(import_id: int) -> Iterator[Watch]:
    watch = Watch(import_id)
    watch.thread = threading.Thread(target=watch.run, name=f"import-{import_id}", daemon=True)
    watch.thread.start()
    try:
        yield watch
    finally:
        watch.end()
