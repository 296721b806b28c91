"""Loads a model and its tokenizer with transformers, and refuses what transformers would quietly make up.

No code that came with a checkpoint is run: `trust_remote_code` is refused here, so transformers asks nobody either.
Weights that the files lack, or hold in another shape, are drawn at random by transformers; here they are a refusal.
"""

from collections.abc import Collection
from typing import Any

from transformers import AutoTokenizer

from lm.checkpoint_weights import SCORE
from lm.errors import UnusableModel
from lm.hub import id_and_revision


def load_tokenizer(location: str) -> Any:
    """`location`: a directory, or a Hugging Face id with or without @revision. Raises UnusableModel."""
    name, revision = id_and_revision(location)
    try:
        return AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
    except Exception as error:  # whatever a broken file makes transformers raise
        raise _unusable(location, "tokenizer", error) from error


def load_model(
    auto_class: Any, location: str, *, may_lack: Collection[str] = (), **options: Any
) -> tuple[Any, set[str]]:
    """Returns the model on the CPU, and which of `may_lack` its files did not hold: those were drawn at random.

    `auto_class`: transformers' AutoModelFor…; `options` are its `from_pretrained`'s. Raises UnusableModel.
    """
    name, revision = id_and_revision(location)
    try:
        model, report = auto_class.from_pretrained(
            name,
            revision=revision,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **options,
        )
    except Exception as error:  # of a file's content nothing is certain, so neither is what it makes transformers raise
        raise _unusable(location, "model", error) from error
    missing = set(report["missing_keys"])
    for what, names in (
        ("lack", missing - set(may_lack)),
        ("have another shape than config.json says at", {str(one[0]) for one in report["mismatched_keys"]}),
    ):
        if names:
            listed = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            raise UnusableModel(
                f"The weights of {location} {what} {listed}. They would be random: give a complete checkpoint."
            )
    if SCORE in report["unexpected_keys"]:
        raise UnusableModel(f"{location} is a reward model (it has the head {SCORE}), not a language model.")
    return model, missing & set(may_lack)


def _unusable(location: str, what: str, error: Exception) -> UnusableModel:
    said = " ".join(f"{error}".split())
    if "trust_remote_code" in said:
        return UnusableModel(
            f"{location} can be loaded only by running code that lies in it, which Concord never does. Give a model of "
            "an architecture that transformers has itself."
        )
    return UnusableModel(f"{location} can't be loaded as a {what}: {type(error).__name__}: {said[:1000]}")
