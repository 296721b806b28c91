"""Hugging Face ids: recognised, fetched without pickles, refused in words."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from lm.errors import Refused, UnusableModel
from lm.hub import WANTED, directory_or_hub_id, fetch, id_and_revision, is_hub_id
from lm.model_directory import check_model_directory
from tests.tiny_models import make_tiny_model


def test_an_id_is_owner_and_name_and_no_path_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("google/gemma-3-270m")
    assert is_hub_id("google/gemma-3-270m@9b0cfec8")
    assert not is_hub_id("google/gemma-3-270m@")
    assert not is_hub_id("gemma")
    assert not is_hub_id("/models/gemma")
    assert not is_hub_id("../models/gemma")
    (tmp_path / "models" / "gemma").mkdir(parents=True)
    assert not is_hub_id("models/gemma")


def test_a_model_is_fetched_into_the_models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(hub_id: str, *, revision: str, local_dir: Path, allow_patterns: list[str]) -> None:
        asked.update(hub_id=hub_id, revision=revision, allow_patterns=allow_patterns)
        make_tiny_model(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    directory = fetch("owner/name", tmp_path)
    assert directory == tmp_path / "owner--name"
    check_model_directory(directory)
    assert asked == {"hub_id": "owner/name", "revision": "main", "allow_patterns": WANTED}

    assert fetch("owner/name@0a1b2c", tmp_path) == tmp_path / "owner--name@0a1b2c"
    assert (asked["hub_id"], asked["revision"]) == ("owner/name", "0a1b2c")
    assert not [pattern for pattern in WANTED if "bin" in pattern or "pt" in pattern]


def test_a_hub_that_does_not_answer_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(UnusableModel, match="owner/name could not be downloaded: connection refused"):
        fetch("owner/name", tmp_path)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["config.json", "pytorch_model.bin"], r"as pytorch_model\.bin. Such files can run code"),
        (["config.json"], "holds no weights"),
        (["model.safetensors"], r"config\.json is missing"),
    ],
)
def test_directories_that_are_no_safe_model_are_refused(tmp_path: Path, files: list[str], words: str) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(Refused, match=words):
        directory_or_hub_id(str(tmp_path))


def test_names_that_are_no_path_and_no_id_are_refused(tmp_path: Path) -> None:
    for name in ("/nowhere/at/all", "./missing", "var/models/missing"):
        with pytest.raises(Refused, match="does not exist"):
            directory_or_hub_id(name)
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="is a file"):
        directory_or_hub_id(str(tmp_path / "file"))
    assert directory_or_hub_id("google/gemma-3-270m") == "google/gemma-3-270m"
    assert directory_or_hub_id("gpt2@v1.0") == "gpt2@v1.0"
    assert id_and_revision("gpt2@v1.0") == ("gpt2", "v1.0")
    (tmp_path / "at@home").mkdir()
    assert id_and_revision(str(tmp_path / "at@home")) == (str(tmp_path / "at@home"), "main")
