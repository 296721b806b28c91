"""Models by their Hugging Face id. Nothing is fetched unless somebody gave the id."""

import re
from pathlib import Path

from sampler.model_files import UnusableModel

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt"]
"""Safetensors, configuration and tokenizer; pickled weights are never downloaded."""


def is_hub_id(model: str) -> bool:
    """Whether `model` reads as `owner/name` and is not a directory that is there."""
    return HUB_ID.fullmatch(model) is not None and not Path(model).exists()


def fetch(hub_id: str, models_dir: Path) -> Path:
    """The model's files under `models_dir`, downloaded where they are missing. Raises UnusableModel."""
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  (the web's installation does not have it)
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as missing:
        raise UnusableModel(
            f"{hub_id} can't be downloaded here: huggingface_hub is not installed. Run this where the workers run, "
            "or download the model yourself and give its directory."
        ) from missing
    directory = models_dir / hub_id.replace("/", "--")
    try:
        snapshot_download(hub_id, local_dir=directory, allow_patterns=WANTED)
    except (OSError, ValueError, HfHubHTTPError) as failure:
        raise UnusableModel(f"{hub_id} could not be downloaded: {failure}") from failure
    return directory
