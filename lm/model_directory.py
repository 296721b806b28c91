"""Says whether a directory is a model that Concord can load, from its files alone: without torch, in milliseconds."""

import json
from pathlib import Path
from typing import Any

from lm.checkpoint_weights import (
    Shapes,
    check_complete,
    check_language_head,
    check_reward_head,
    embedded_tokens,
    read_shapes,
)
from lm.errors import UnusableModel

WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
CONFIG = "config.json"
_PICKLED_SUFFIXES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
_WRITTEN_BY = "A model directory is what transformers' save_pretrained writes."
_TOKENIZER_HINT = "Write it with AutoTokenizer.from_pretrained(…).save_pretrained(…) into the model's directory."


def check_model_directory(path: Path | str) -> Shapes:
    """Returns the weights of a whole safetensors checkpoint with its tokenizer, whatever it is for.

    Raises UnusableModel, also for a tokenizer that makes tokens which the network lacks.
    """
    directory = Path(path)
    shapes = check_weights(directory)
    tokenizer = _read_json(directory / TOKENIZER, hint=_TOKENIZER_HINT)
    known = embedded_tokens(_config(directory), shapes)
    if known is not None:
        _check_vocabulary(directory, tokenizer, known)
    return shapes


def check_language_model(path: Path | str) -> None:
    """Returns if completions can be sampled from the model, as far as its files tell. Raises UnusableModel."""
    shapes = check_model_directory(path)
    check_language_head(Path(path), _config(Path(path)), shapes)


def check_reward_model(path: Path | str) -> None:
    """Returns if `path` holds a reward model, as far as its files tell. Raises UnusableModel."""
    shapes = check_model_directory(path)
    check_reward_head(Path(path), shapes)
    refuse_quantised(Path(path))


def check_weights(directory: Path) -> Shapes:
    """Returns the weights, if the directory holds a configuration and whole safetensors. Raises UnusableModel.

    Pickled weights run code when they are opened, so they are never taken.
    """
    try:
        there = directory.is_dir()
    except (OSError, ValueError):  # a name longer than any disk allows, or one with a NUL
        raise UnusableModel(f"The model directory {str(directory)[:100]}… does not exist.") from None
    if not there:
        what = "is a file, not a directory" if directory.exists() else "does not exist"
        raise UnusableModel(f"The model directory {directory} {what}.")
    config = _config(directory)
    shapes = read_shapes(_weight_files(directory, config))
    check_complete(directory, config, shapes)
    return shapes


def refuse_quantised(directory: Path) -> None:
    """Raises UnusableModel for weights that are kept in few bits: such a network is neither trained nor scored with."""
    quantised = _config(directory).get("quantization_config")
    if quantised:
        method = quantised.get("quant_method", "unknown") if isinstance(quantised, dict) else quantised
        raise UnusableModel(
            f"The weights of {directory} are quantised ({method}). A reward model is trained and computed from weights "
            "in floating point: give the model that they were made from, or dequantize() it and save that."
        )


def context_length(path: Path | str) -> int:
    """Returns how many tokens the model reads and writes in all.

    Raises UnusableModel when its configuration does not say.
    """
    config = _config(Path(path))
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for key in _CONTEXT_KEYS:
            if isinstance(part.get(key), int):
                return int(part[key])
    raise UnusableModel(f"{Path(path) / CONFIG} names no context length; add max_position_embeddings to it.")


def trained_length(path: Path | str) -> int | None:
    """Returns how many tokens a reward model was trained to read; None where its configuration does not say.

    Raises UnusableModel.
    """
    length = _config(Path(path)).get("reward_max_length")
    return length if isinstance(length, int) else None


def tokenizer_config(directory: Path) -> dict[str, Any]:
    """Returns the content of tokenizer_config.json, {} where there is none. Raises UnusableModel."""
    file = directory / TOKENIZER_CONFIG
    return _read_json(file, hint=_TOKENIZER_HINT) if file.is_file() else {}


def chat_template_source(directory: Path) -> str | None:
    """Returns the model's chat template; None for a base model, which has none. Raises UnusableModel.

    It lies in a file of its own since transformers 4.51; before, one template or several by name in the tokenizer's
    configuration.
    """
    file = directory / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template: Any = tokenizer_config(directory).get("chat_template")
    if isinstance(template, list):
        return next((entry["template"] for entry in template if entry["name"] == "default"), None)
    return template if isinstance(template, str) else None


def _check_vocabulary(directory: Path, tokenizer: dict[str, Any], known: int) -> None:
    """Tokens that were added to the vocabulary and stand in no text that Concord makes may be unknown to the network:
    Gemma's text models lack the place of an image, and many tokenizers got padding after training.
    """
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    highest = max(vocabulary.values(), default=-1) if isinstance(vocabulary, dict) else len(vocabulary or []) - 1
    config = tokenizer_config(directory)
    used = "\n".join([chat_template_source(directory) or "", *(_token(config, name) for name in ("bos", "eos"))])
    entries = [one for one in added if isinstance(one, dict)] if isinstance(added, list) else []
    highest = max([highest, *(int(one.get("id", -1)) for one in entries if str(one.get("content")) in used)])
    if highest >= known:
        raise UnusableModel(
            f"The tokenizer of {directory} makes token {highest} and the model knows {known}: they don't belong "
            "together. Give the tokenizer that the model was trained with, or train its embedding for the new tokens "
            "(resize_token_embeddings)."
        )


def _token(config: dict[str, Any], name: str) -> str:
    token = config.get(f"{name}_token")
    return str(token["content"] if isinstance(token, dict) else token or "")


def _config(directory: Path) -> dict[str, Any]:
    return _read_json(directory / CONFIG, hint=_WRITTEN_BY)


def _weight_files(directory: Path, config: dict[str, Any]) -> list[Path]:
    if (directory / WEIGHTS_INDEX).is_file():
        return _shards(directory / WEIGHTS_INDEX)
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    check_complete(directory, config, {})  # an adapter has weights of another name
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
    shards = sorted({index.parent / str(name) for name in weight_map.values()})
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise UnusableModel(f"{index} names {', '.join(missing)}, which is not there. Copy the model again.")
    absent = sorted(set(weight_map) - set(read_shapes(shards)))
    if absent:
        raise UnusableModel(f"{index} names {absent[0]}, which none of the files holds. Copy the model again.")
    return shards


def _read_json(file: Path, *, hint: str) -> dict[str, Any]:
    if not file.is_file():
        raise UnusableModel(f"{file} is missing. {hint}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnusableModel(f"{file} is not valid JSON ({error}). Copy it again.") from error
    if not isinstance(content, dict):
        raise UnusableModel(f"{file} holds no JSON object. {hint}")
    return content
