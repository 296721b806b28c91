"""The policy: an ordinary causal language model of transformers, with the tokenizer that it is sampled from."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from lm.errors import Refused, UnusableModel
from lm.fused_rms_norm import fuse_rms_norms
from lm.hub import directory_or_hub_id
from lm.model_directory import refuse_quantised
from lm.prefix_sharing.attention import use_row_attention
from lm.pretrained import load_model, load_tokenizer
from lm.rendering import Renderer
from sampler.turn_end import TurnEnd, end_token_ids

PROBE = 4
"""Tokens on which the head is tried."""


@dataclass(frozen=True)
class Policy:
    """A policy on the CPU or a device, and how its conversations become tokens. `end_tokens`: any of them ends a turn;
    at least one.
    """

    model: PreTrainedModel
    renderer: Renderer
    end_tokens: tuple[int, ...]

    @property
    def turn_end(self) -> TurnEnd:
        return TurnEnd(tokenizer=self.renderer.tokenizer, markers=self.renderer.plain)

    def save(self, directory: Path, weights: dict[str, Tensor] | None = None) -> None:
        """Writes what plain transformers loads, samples and trains on with."""
        self.model.save_pretrained(directory, state_dict=weights)
        self.renderer.tokenizer.save_pretrained(directory)


def load_policy(base: str, *, max_length: int) -> Policy:
    """Loads a language model, float32 on the CPU. Raises Refused where it is none, or where nothing ends its turns."""
    location = directory_or_hub_id(base)
    if Path(location).is_dir():
        refuse_quantised(Path(location))
    tokenizer = load_tokenizer(location)
    model, _ = load_model(AutoModelForCausalLM, location, dtype=torch.float32)
    _refuse_other_head(model)
    renderer = Renderer.of(model, tokenizer, max_length=max_length)
    ends = end_token_ids(tokenizer, renderer.conversations, model.generation_config)
    if not ends:
        raise Refused(
            f"{base} has no token that ends a turn: its tokenizer names no end of sequence, and neither do its chat "
            "template and generation_config.json. It would never learn to stop. Give the tokenizer an eos_token."
        )
    if model.generation_config is not None:
        model.generation_config.eos_token_id = ends
    # Only dropout depends on the mode, and what there is of it is asked for by name (residual_dropout.py).
    return Policy(use_row_attention(fuse_rms_norms(model.eval())), renderer, tuple(ends))


def unembedding(model: PreTrainedModel) -> nn.Module:
    """The head that makes logits of the last layer's states."""
    head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head


@torch.no_grad()
def _refuse_other_head(model: PreTrainedModel) -> None:
    """Raises UnusableModel where logits are no numbers, or more than the head's product: capped, or scaled."""
    ids = torch.arange(PROBE)[None]
    whole = model(input_ids=ids, use_cache=False).logits
    if not whole.isfinite().all():
        raise UnusableModel(
            f"The logits of this {type(model).__name__} are no finite numbers: its weights are broken. "
            "Give another model."
        )
    by_hand = unembedding(model)(model.base_model(input_ids=ids, use_cache=False).last_hidden_state)
    if not torch.allclose(whole, by_hand, atol=1e-4, rtol=1e-4):
        raise UnusableModel(
            f"{type(model).__name__} does something to its logits behind the head, which this trainer doesn't know. "
            "Give a model of another architecture."
        )
