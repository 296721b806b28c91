"""Models by their Hugging Face id. Nothing is fetched unless somebody gave the id.

`owner/name@revision` names one state of it for good: a commit, a tag or a branch. Without one it is what the Hub holds
on the day of the download.
"""

import re
from pathlib import Path

from lm.errors import UnusableModel
from lm.model_directory import check_weights

_NAME = r"[A-Za-z0-9][\w.-]*"
_REVISION = r"(@[\w.][\w./-]*)?"
_ID = re.compile(rf"{_NAME}/{_NAME}{_REVISION}")
_ID_OR_BARE_NAME = re.compile(rf"({_NAME}/)?{_NAME}{_REVISION}")  # a few old models, such as gpt2, have no owner
WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt"]
"""Safetensors, configuration and tokenizer; pickled weights are never downloaded."""


def is_hub_id(model: str, *, owner_needed: bool = True) -> bool:
    """Returns whether `model` reads as `owner/name` (or `name`) and is not a directory that is there."""
    pattern = _ID if owner_needed else _ID_OR_BARE_NAME
    return pattern.fullmatch(model) is not None and not Path(model).exists()


def id_and_revision(model: str) -> tuple[str, str]:
    """Returns the model without its revision, and that; "main" where it names none. A path has no revision."""
    if Path(model).exists() or "@" not in model:
        return model, "main"
    name, _, revision = model.partition("@")
    return name, revision


def directory_or_hub_id(model: str) -> str:
    """Returns `model`, the path of a directory with safetensors weights or a Hugging Face id. Raises UnusableModel.

    A path that exists is always meant as a path; anything else is an id only if it reads as one (`name`, `owner/name`).
    """
    if Path(model).exists():
        check_weights(Path(model))
    elif not is_hub_id(model, owner_needed=False):
        raise UnusableModel(
            f"{model} does not exist. Give a model directory, or a Hugging Face id such as google/gemma-3-270m, with "
            "@revision behind it to keep to one state of it."
        )
    return model


def fetch(hub_id: str, models_dir: Path) -> Path:
    """Returns the model's directory under `models_dir`, downloading what is missing there. Raises UnusableModel."""
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  (the web's installation does not have it)
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as missing:
        raise UnusableModel(
            f"{hub_id} can't be downloaded here: huggingface_hub is not installed. Run this where the workers run, "
            "or download the model yourself and give its directory."
        ) from missing
    directory = models_dir / hub_id.replace("/", "--")
    name, revision = id_and_revision(hub_id)
    try:
        snapshot_download(name, revision=revision, local_dir=directory, allow_patterns=WANTED)
    except (OSError, ValueError, HfHubHTTPError) as failure:
        raise UnusableModel(f"{hub_id} could not be downloaded: {failure}") from failure
    return directory
