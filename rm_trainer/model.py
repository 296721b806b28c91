"""The reward model: a causal language model whose unembedding is replaced by a projection to one number (InstructGPT
§3.5).

It is transformers' own `…ForSequenceClassification` with one label, so the checkpoint is an ordinary one. Those heads
have no bias. The one that gives demonstrations mean reward 0 (InstructGPT C.2) is `reward_bias` in config.json:
**reward = logit + reward_bias**. `python -m rm_trainer score` adds it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lm.checkpoint_weights import SCORE as HEAD
from lm.errors import Refused
from lm.fused_rms_norm import fuse_rms_norms
from lm.hub import directory_or_hub_id
from lm.model_directory import check_reward_model, refuse_quantised
from lm.prefix_sharing.attention import use_row_attention
from lm.pretrained import load_model, load_tokenizer
from lm.rendering import Renderer
from lm.training.arguments import Precision


def score_hidden(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Returns the rewards without their bias [S], float32 even inside autocast, of the last tokens' states [S, d].

    The stock head looks for that token itself: the last one that isn't padding, which is the wrong one where padding
    and end-of-sequence are one token.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        scores: Tensor = head(model)(hidden.float())  # [S, 1]
    return scores.squeeze(-1)


def load_base_model(base: str, *, max_length: int, seed: int) -> tuple[PreTrainedModel, Renderer]:
    """A model to train, float32 on the CPU, and its renderer. A language model gets a new head, drawn from N(0,
    1/(d+1)) (Stiennon et al. 2020, C.2, d the width); a reward model keeps its own. Raises Refused.
    """
    model, tokenizer, missing = _load(directory_or_hub_id(base), may_lack={HEAD})
    if HEAD in missing:
        weight = head(model).weight  # [1, d]
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(weight, std=(weight.shape[1] + 1) ** -0.5, generator=generator)
    renderer = Renderer.of(model, tokenizer, max_length=max_length)
    _choose_padding(model, renderer)
    model.config.reward_bias = 0.0
    model.config.reward_max_length = renderer.max_length
    return model, renderer


def load_reward_model(directory: str, *, max_length: int | None) -> tuple[PreTrainedModel, Renderer]:
    """A trained model on the CPU; `max_length` None: what it was trained with. Raises Refused when it has no head."""
    if Path(directory).is_dir():
        check_reward_model(directory)
    model, tokenizer, _ = _load(directory_or_hub_id(directory))
    trained_with = int(getattr(model.config, "reward_max_length", 2048))
    return model, Renderer.of(model, tokenizer, max_length=max_length or trained_with)


def reward_bias(model: PreTrainedModel) -> float:
    """What is added to the network's output to get the reward; 0 for a checkpoint that stores none."""
    return float(getattr(model.config, "reward_bias", 0.0))


def precision_of(wanted: Precision | Literal["trained"], model: PreTrainedModel) -> Precision:
    """`trained`: the precision that training measured the model in; in another the same rankings get other figures."""
    if wanted != "trained":
        return wanted
    stored = getattr(model.config, "reward_dtype", None)
    return stored if stored in ("float32", "bfloat16") else "float32"


def head(model: PreTrainedModel) -> nn.Linear:
    """The projection to one number. Raises Refused for an architecture that names or shapes it otherwise."""
    layer = getattr(model, "score", None)
    if not isinstance(layer, nn.Linear) or layer.out_features != 1:
        raise Refused(f"{type(model).__name__} has no `score` head with one output; this architecture isn't supported.")
    return layer


def _load(location: str, *, may_lack: Collection[str] = ()) -> tuple[PreTrainedModel, Any, set[str]]:
    """Model, tokenizer, and the names of the weights that the files may lack and did."""
    if Path(location).is_dir():
        refuse_quantised(Path(location))
    tokenizer = load_tokenizer(location)
    model, missing = load_model(
        AutoModelForSequenceClassification, location, may_lack=may_lack, num_labels=1, dtype=torch.float32
    )
    head(model)
    # Only dropout depends on the mode. Without it a batch's gradient is the same however the batch is split, and the K
    # completions of a prompt are compared through one and the same network.
    return use_row_attention(fuse_rms_norms(model.eval())), tokenizer, missing


def _choose_padding(model: PreTrainedModel, renderer: Renderer) -> None:
    """Makes the stock head read a sequence at its last token, as `score_hidden` is given it.

    It reads at the rightmost token that isn't padding, so padding must be a token that never ends a sequence and that
    the model knows: the tokenizer's own padding, else end, begin or unknown. Where every one of them ends the sequences
    (GPT-2 has a single special token) the configuration names none: plain transformers then scores one sequence at a
    time, equally, and refuses larger batches.
    """
    tokenizer = renderer.tokenizer
    last = renderer.last_token()
    names = ("pad_token", "eos_token", "bos_token", "unk_token")
    ids = {name: getattr(tokenizer, f"{name}_id") for name in names}
    usable = [name for name, one in ids.items() if one is not None and one != last and one < renderer.vocabulary]
    tokenizer.pad_token = getattr(tokenizer, usable[0]) if usable else None
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
