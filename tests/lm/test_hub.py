"""Hugging Face ids: recognised, fetched without pickles, refused in words."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from lm.errors import UnusableModel
from lm.hub import WANTED, fetch, is_hub_id
from lm.model_directory import check_model_directory
from tests.tiny_models import make_tiny_model


def test_an_id_is_owner_and_name_and_no_path_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("google/gemma-3-270m")
    assert not is_hub_id("gemma")
    assert not is_hub_id("/models/gemma")
    assert not is_hub_id("../models/gemma")
    (tmp_path / "models" / "gemma").mkdir(parents=True)
    assert not is_hub_id("models/gemma")


def test_a_model_is_fetched_into_the_models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(hub_id: str, *, local_dir: Path, allow_patterns: list[str]) -> None:
        asked.update(hub_id=hub_id, allow_patterns=allow_patterns)
        make_tiny_model(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    directory = fetch("owner/name", tmp_path)
    assert directory == tmp_path / "owner--name"
    check_model_directory(directory)
    assert asked == {"hub_id": "owner/name", "allow_patterns": WANTED}
    assert not [pattern for pattern in WANTED if "bin" in pattern or "pt" in pattern]


def test_a_hub_that_does_not_answer_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(UnusableModel, match="owner/name could not be downloaded: connection refused"):
        fetch("owner/name", tmp_path)
