"""Says from the headers of safetensors files alone whether a checkpoint holds the weights that its configuration names.

transformers draws weights that it doesn't find at random and goes on, so a checkpoint that lacks some is loaded, and
writes fluent nonsense. What only the network's own code knows (every name and shape) is found out when the model is
loaded: lm/pretrained.py.
"""

import json
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lm.errors import UnusableModel

Shapes = Mapping[str, tuple[int, ...]]
"""Every tensor of a checkpoint by its name."""

ADAPTER = "adapter_config.json"
SCORE = "score.weight"
"""The head of a reward model: one number of the last token's state."""

_WRAPPERS = {
    "_orig_mod": "torch.compile",
    "_fsdp_wrapped_module": "FSDP",
    "_checkpoint_wrapped_module": "activation checkpointing",
}
_UNEMBEDDINGS = ("lm_head", "embed_out", "output_layer", "output")
_EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")
_LAYER = re.compile(r"(?P<stem>(?:.+?\.)?(?:layers|h|blocks))\.(?P<number>\d+)\.(?P<rest>.+)")
_LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers")

# Architectures whose layers all hold weights of the same names; others mix kinds of layers on purpose.
_UNIFORM = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "gptj", "phi", "phi3",
     "olmo", "olmo2", "opt", "bloom", "stablelm", "starcoder2", "smollm3", "cohere", "granite"}
)  # fmt: skip
# Architectures that keep embedding and unembedding apart where config.json does not say.
_UNTIED = frozenset({"llama", "mistral", "mixtral", "qwen2", "qwen3", "gpt_neox", "gptj", "phi", "phi3", "olmo2"})


def read_shapes(files: Iterable[Path]) -> Shapes:
    """Returns the tensors of the safetensors files. Raises UnusableModel for one that is damaged or cut off."""
    return {name: tuple(shape) for file in files for name, shape in _read_header(file).items()}


def check_complete(directory: Path, config: Mapping[str, Any], shapes: Shapes) -> None:
    """Raises UnusableModel for an adapter, names with a wrapper's prefix, or layers that lack weights."""
    if (directory / ADAPTER).is_file() or any(".lora_A." in name or ".lora_B." in name for name in shapes):
        raise UnusableModel(
            f"{directory} holds an adapter, not a whole model: transformers would look for its base elsewhere. Merge "
            "it into the base (peft: merge_and_unload) and write that with save_pretrained."
        )
    _refuse_wrapped(directory, shapes)
    _check_layers(directory, config, shapes)


def check_language_head(directory: Path, config: Mapping[str, Any], shapes: Shapes) -> None:
    """Raises UnusableModel where the network can't say its next token: a reward model, or the unembedding is gone."""
    if SCORE in shapes or _is_classifier(config):
        raise UnusableModel(
            f"{directory} is a reward model (it has the head {SCORE}), so nothing can be sampled from it. Register it "
            "as a reward model, or give the language model."
        )
    tied = config.get("tie_word_embeddings")
    if tied is None:
        tied = config.get("model_type") not in _UNTIED
    if not tied and not _of_modules(shapes, _UNEMBEDDINGS):
        raise UnusableModel(
            f"The weights of {directory} lack lm_head.weight, and its embeddings are not tied: every sampled token "
            "would be random. Save the whole model again, with its head; only a model that was trained so has "
            "tie_word_embeddings true in its config.json."
        )


def check_reward_head(directory: Path, shapes: Shapes) -> None:
    """Raises UnusableModel for a model without a head of one output."""
    shape = shapes.get(SCORE)
    if shape is None:
        raise UnusableModel(
            f"{directory} is not a reward model: its weights lack {SCORE}. A language model has no such head; train "
            "one from it (python -m rm_trainer train --base …), or register it as an SFT model."
        )
    if shape[0] != 1:
        raise UnusableModel(
            f"{SCORE} of {directory} gives {shape[0]} numbers; a reward model gives one. Concord reads models saved as "
            "AutoModelForSequenceClassification with num_labels=1."
        )


def embedded_tokens(config: Mapping[str, Any], shapes: Shapes) -> int | None:
    """Returns how many tokens the network knows; None where neither weights nor configuration say."""
    found = [shapes[name] for name in _of_modules(shapes, _EMBEDDINGS) if name.endswith(".weight")]
    rows = [shape[0] for shape in found if len(shape) == 2]
    stated = _text_part(config).get("vocab_size")
    return max(rows) if rows else stated if isinstance(stated, int) else None


def _refuse_wrapped(directory: Path, shapes: Shapes) -> None:
    wrapper = next((part for name in shapes for part in name.split(".") if part in _WRAPPERS), None)
    if wrapper is None and shapes and all(name.startswith("module.") for name in shapes):
        wrapper = "module"
    if wrapper:
        source = _WRAPPERS.get(wrapper, "DistributedDataParallel or DataParallel")
        raise UnusableModel(
            f"The weights of {directory} are named “{wrapper}.…”, as {source} wraps a model ({next(iter(shapes))}): "
            "transformers finds none of them and draws random ones. Save the model inside: unwrap it first "
            "(accelerate: unwrap_model), or take the prefix out of the names."
        )


def _check_layers(directory: Path, config: Mapping[str, Any], shapes: Shapes) -> None:
    text = _text_part(config)
    stem, layers = _layers_of_text(shapes)
    stated = next((n for key in _LAYER_KEYS if isinstance(n := text.get(key), int)), 0)
    gone = sorted(set(range(max([stated, *(number + 1 for number in layers)]))) - set(layers)) if layers else []
    if gone:
        raise UnusableModel(
            f"The weights of {directory} lack {stem}.{gone[0]}: config.json names {stated} layers, and {len(layers)} "
            "are there. Save or copy the whole model again."
        )
    if text.get("model_type", config.get("model_type")) not in _UNIFORM:
        return
    whole = set().union(*layers.values())
    for number, names in sorted(layers.items()):
        if missing := sorted(whole - names):
            raise UnusableModel(
                f"The weights of {directory} lack {stem}.{number}.{missing[0]}, which other layers have "
                f"({len(missing)} weights of that layer in all). Save or copy the whole model again."
            )


def _layers_of_text(shapes: Shapes) -> tuple[str, dict[int, set[str]]]:
    """Returns what the names of the network's layers begin with, and of each layer's weights how they end.

    Those of the part that reads images or sound are left out.
    """
    found: dict[str, dict[int, set[str]]] = {}
    for name in shapes:
        match = _LAYER.match(name)
        if match and not re.search(r"vision|visual|audio|image", match["stem"]):
            found.setdefault(match["stem"], {}).setdefault(int(match["number"]), set()).add(match["rest"])
    return max(found.items(), key=lambda one: len(one[1]), default=("", {}))


def _is_classifier(config: Mapping[str, Any]) -> bool:
    named = config.get("architectures")
    return isinstance(named, list) and any(str(one).endswith("ForSequenceClassification") for one in named)


def _of_modules(shapes: Shapes, modules: Iterable[str]) -> list[str]:
    """Returns the names of weights that belong to a module of one of these names, quantised ones included."""
    wanted = set(modules)
    return [name for name in shapes if "." in name and name.split(".")[-2] in wanted]


def _text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    text = config.get("text_config")
    return text if isinstance(text, dict) else config


def _read_header(file: Path) -> dict[str, list[int]]:
    """Format: 8 bytes of header length, a JSON header, the data (https://github.com/huggingface/safetensors#format)."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if 8 + length > size:
            raise UnusableModel(f"{file} is cut off inside its header. Copy the model again.")
        try:
            header = json.loads(opened.read(length))
            tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
            end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
            shapes = {name: [int(side) for side in entry["shape"]] for name, entry in tensors.items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UnusableModel(f"{file} is not a safetensors file: its header is broken. Copy it again.") from error
    if 8 + length + end != size:
        raise UnusableModel(f"{file} should have {8 + length + end} bytes and has {size}. Copy the model again.")
    return shapes
