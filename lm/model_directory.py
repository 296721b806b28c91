"""Says whether a directory is a model that Concord can load, from its files alone: without torch, in milliseconds."""

import json
import struct
from pathlib import Path
from typing import Any

from lm.errors import UnusableModel

WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
_PICKLED_SUFFIXES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
_WRITTEN_BY = "A model directory is what transformers' save_pretrained writes."


def check_model_directory(path: Path | str) -> None:
    """Returns if `path` holds a whole safetensors checkpoint with its tokenizer. Raises UnusableModel."""
    directory = Path(path)
    check_weights(directory)
    _read_json(
        directory / TOKENIZER,
        hint="Write it with AutoTokenizer.from_pretrained(…).save_pretrained(…) into the model's directory.",
    )


def check_weights(directory: Path) -> None:
    """Returns if the directory holds a configuration and whole safetensors weights. Raises UnusableModel.

    Pickled weights run code when they are opened, so they are never taken.
    """
    try:
        there = directory.is_dir()
    except (OSError, ValueError):  # a name longer than any disk allows, or one with a NUL
        raise UnusableModel(f"The model directory {str(directory)[:100]}… does not exist.") from None
    if not there:
        what = "is a file, not a directory" if directory.exists() else "does not exist"
        raise UnusableModel(f"The model directory {directory} {what}.")
    _read_json(directory / CONFIG, hint=_WRITTEN_BY)
    for weights in _weight_files(directory):
        _check_safetensors(weights)


def context_length(path: Path | str) -> int:
    """Returns how many tokens the model reads and writes in all.

    Raises UnusableModel when its configuration does not say.
    """
    config = _read_json(Path(path) / CONFIG, hint=_WRITTEN_BY)
    for part in (config, config.get("text_config", {})):
        for key in _CONTEXT_KEYS:
            if isinstance(part.get(key), int):
                return int(part[key])
    raise UnusableModel(f"{Path(path) / CONFIG} names no context length; add max_position_embeddings to it.")


def trained_length(path: Path | str) -> int | None:
    """Returns how many tokens a reward model was trained to read; None where its configuration does not say.

    Raises UnusableModel.
    """
    length = _read_json(Path(path) / CONFIG, hint=_WRITTEN_BY).get("reward_max_length")
    return length if isinstance(length, int) else None


def _weight_files(directory: Path) -> list[Path]:
    if (directory / WEIGHTS_INDEX).is_file():
        return _shards(directory / WEIGHTS_INDEX)
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    pickled = sorted(file.name for file in directory.iterdir() if file.suffix in _PICKLED_SUFFIXES)
    if pickled:
        raise UnusableModel(
            f"{directory} holds its weights as {', '.join(pickled)}. Such files can run code when they are loaded, so "
            "only safetensors are taken: load the model where you trust it and write it with save_pretrained."
        )
    raise UnusableModel(f"{directory} holds no weights: {WEIGHTS} or {WEIGHTS_INDEX} is missing.")


def _shards(index: Path) -> list[Path]:
    weight_map = _read_json(index, hint="Copy the model again.").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UnusableModel(f"{index} names no weights. Copy the model again.")
    shards = sorted({index.parent / name for name in weight_map.values()})
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise UnusableModel(f"{index} names {', '.join(missing)}, which is not there. Copy the model again.")
    return shards


def _check_safetensors(file: Path) -> None:
    """Format: 8 bytes of header length, a JSON header, the data (https://github.com/huggingface/safetensors#format)."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if 8 + length > size:
            raise UnusableModel(f"{file} is cut off inside its header. Copy the model again.")
        try:
            header = json.loads(opened.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnusableModel(f"{file} is not a safetensors file: its header is broken. Copy it again.") from error
    if 8 + length + end != size:
        raise UnusableModel(f"{file} should have {8 + length + end} bytes and has {size}. Copy the model again.")


def _read_json(file: Path, *, hint: str) -> dict[str, Any]:
    if not file.is_file():
        raise UnusableModel(f"{file} is missing. {hint}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnusableModel(f"{file} is not valid JSON ({error}). Copy it again.") from error
    if not isinstance(content, dict):
        raise UnusableModel(f"{file} holds no JSON object. {hint}")
    return content
