"""Where a model's files are, and whether they are files that can be opened without running code."""

import re
from pathlib import Path

from rm_trainer.errors import Refused

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def locate(model: str) -> str:
    """The local directory, or the Hugging Face id, that `model` names. Raises Refused.

    A path that exists is always meant as a path; anything else counts as an id only if it looks like one (`name` or
    `owner/name`). Pickled weights run code when they are opened, so a directory must hold safetensors.
    """
    directory = Path(model)
    if directory.is_dir():
        _refuse_unsafe(directory)
    elif directory.exists():
        raise Refused(
            f"{model} is a file. Give the directory that holds the model's config.json and safetensors files."
        )
    elif not HUB_ID.fullmatch(model):
        raise Refused(
            f"{model} does not exist. Give a model directory, or a Hugging Face id such as google/gemma-3-270m."
        )
    return model


def _refuse_unsafe(directory: Path) -> None:
    if not (directory / "config.json").is_file():
        raise Refused(f"{directory} has no config.json, so it is not a model directory.")
    if any(directory.glob("*.safetensors")):
        return
    if any(found for pattern in PICKLES for found in directory.glob(pattern)):
        raise Refused(
            f"{directory} holds pickled weights only, which can run code when they are opened. Convert them to "
            f"safetensors (load them where you trust them and call save_pretrained) and give that directory."
        )
    raise Refused(f"{directory} has no *.safetensors file, so there are no weights to load.")
