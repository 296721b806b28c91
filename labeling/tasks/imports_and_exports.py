"""Prompts come in by files and kept conversations, and snapshots go out."""

from celery import shared_task

from labeling.conversations.services.harvesting import harvest_conversations
from labeling.exports.services.requests import SNAPSHOT_REQUESTS, answer_snapshot_request
from labeling.imports.services.prompt_imports import IMPORTS, run_waiting


@shared_task
def make_snapshot(request_id: int) -> None:
    """A snapshot that somebody asked for."""
    answer_snapshot_request(request_id=request_id)


@shared_task
def make_waiting_snapshots() -> None:
    """Beat: sends again what no worker made."""
    SNAPSHOT_REQUESTS.send()


@shared_task
def take_in_file(import_id: int) -> None:
    """Checks a file of prompts, or takes it in."""
    run_waiting(import_id=import_id)


@shared_task
def go_on_with_imports() -> None:
    """Beat: sends again what no worker reads: its message was lost, or its worker died."""
    IMPORTS.send()


@shared_task
def harvest_kept_conversations() -> None:
    """Beat: what people and programs let us keep becomes prompts, where campaigns take it."""
    harvest_conversations()
