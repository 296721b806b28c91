"""Which way a model reads prompts with several completions; chosen once a run, and then asked for hidden states.

    sharing = choose_strategy(model, device)
    hidden = sharing.last_hidden_states(model, prompts)   # a reward or a value is a projection of these
    hidden = sharing.predicting_states(model, prompts)    # the unembedding makes log-probabilities of these

What is made of the states is the caller's business: nothing here knows a head, a reward or a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PretrainedConfig, PreTrainedModel

from lm.prefix_sharing import attention
from lm.prefix_sharing.row import Row, lay_out
from lm.prefix_sharing.shared_prompt import SharedPrompt

Name = Literal["full", "packed", "flex", "masked"]
KERNELS: dict[Name, attention.Kernel] = {"packed": "gathered", "flex": "flex", "masked": "masked"}

SUPPORTED = frozenset({"gemma3_text", "gpt_neox", "gptj", "llama", "qwen2"})
"""Architectures for which a test shows that hidden states and gradients equal those of K full sequences."""
TAKES_A_MASK = frozenset({"eager", "sdpa"})
"""Attention implementations that add a mask of four dimensions; flash attention ignores it."""

SMALLEST_HEAD = 16
"""Numbers, of FlexAttention on a GPU."""


@dataclass(frozen=True)
class Strategy:
    """How prompts are read. `full`: every completion as one full sequence, its prompt again each time. The others read
    each token once, in one row; their names stand for attention's kernels (attention.py).

    `fallback` says for people why the prompt can't be read once, if it can't.
    """

    name: Name
    fallback: str | None = None

    def last_hidden_states(self, model: PreTrainedModel, prompts: Sequence[SharedPrompt]) -> Tensor:
        """Returns the last layer's states [S, d] of each completion's last token, S = ΣK, in order."""
        if self.name == "full":
            hidden, lengths = _full_hidden_states(model, prompts)  # [S, T, d]
            return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
        row = lay_out(prompts, model.device)
        return self._row_hidden_states(model, row)[row.last]

    def predicting_states(self, model: PreTrainedModel, prompts: Sequence[SharedPrompt]) -> Tensor:
        """Returns the last layer's states [ΣC, d] from which each completion token is predicted, in order: those of the
        token before it. Raises ValueError for a prompt without tokens.
        """
        if not all(one.prefix for one in prompts):
            raise ValueError("A prompt without tokens has nothing that predicts its completions' first ones.")
        if self.name == "full":
            hidden, _ = _full_hidden_states(model, prompts)
            own = [(one.prefix, length) for one in prompts for length in one.completions]
            return torch.cat(
                [row[start - 1 : start - 1 + length] for row, (start, length) in zip(hidden, own, strict=True)]
            )
        row = lay_out(prompts, model.device)
        return self._row_hidden_states(model, row)[row.before_completions()]

    def sequence_states(self, model: PreTrainedModel, sequences: Sequence[Tensor]) -> Tensor:
        """Returns the last layer's states [ΣT, d] of every token of sequences [T] that don't see each other, in order.

        They stand in one row without padding where the model can read one.
        """
        if self.name == "full":
            hidden, lengths = _padded_hidden_states(model, sequences)
            return torch.cat([row[:length] for row, length in zip(hidden, lengths.tolist(), strict=True)])
        # A sequence's last token is its completion, so that attention takes all before it for a prefix, which needs no
        # mask; a token alone has none.
        alone = [SharedPrompt(ids=one, prefix=len(one) - 1, completions=(1,)) for one in sequences]
        return self._row_hidden_states(model, lay_out(alone, model.device))

    def computed_tokens(self, prompts: Sequence[SharedPrompt]) -> int:
        """Returns how many tokens the layers compute for these prompts together, padding included."""
        if self.name == "full":
            lengths = [length for one in prompts for length in one.lengths]
            return len(lengths) * max(lengths)
        return sum(len(one.ids) for one in prompts)

    def _row_hidden_states(self, model: PreTrainedModel, row: Row) -> Tensor:
        """[T, d]. `use_cache=False`: with a cache the library would take restarting positions for packed documents."""
        output = model.base_model(
            input_ids=row.input_ids,
            position_ids=row.positions,
            use_cache=False,
            **attention.row_arguments(model, row, KERNELS[self.name]),
        )
        hidden: Tensor = output.last_hidden_state  # [1, T, d]
        return hidden[0]


def choose_strategy(model: PreTrainedModel, device: torch.device) -> Strategy:
    """Returns the fastest strategy that is known to be right for the model.

    * `packed`, or `flex` on an NVIDIA GPU, wherever the model calls the attention of attention.py. FlexAttention's
      backward pass does not run on a CPU, and on a GPU it has no kernel for the smallest heads.
    * `masked` for a model with eager attention only (GPT-J).
    """
    config = model.config
    implementation = config._attn_implementation  # noqa: SLF001  the library has no public name for it
    if config.model_type not in SUPPORTED:
        return Strategy("full", f"{config.model_type} isn't among the architectures known to score equally with it")
    if getattr(config, "use_bidirectional_attention", False):
        return Strategy(
            "full", "the model attends to later tokens, too, so a prompt isn't the same before K completions"
        )
    if implementation == attention.NAME:
        return Strategy("flex" if device.type == "cuda" and _head_size(config) >= SMALLEST_HEAD else "packed")
    if implementation not in TAKES_A_MASK:
        return Strategy("full", f"{implementation} attention takes no mask of its own")
    return Strategy("masked")


def _head_size(config: PretrainedConfig) -> int:
    size: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return size


def _full_hidden_states(model: PreTrainedModel, prompts: Sequence[SharedPrompt]) -> tuple[Tensor, Tensor]:
    """Returns the states [S, T, d] of all full sequences and their lengths [S]. Padding is on the right, where causal
    attention makes its value meaningless.
    """
    return _padded_hidden_states(model, [sequence for one in prompts for sequence in one.sequences()])


def _padded_hidden_states(model: PreTrainedModel, sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """[S, T, d] and lengths [S]."""
    lengths = torch.tensor([len(sequence) for sequence in sequences], device=model.device)
    input_ids = pad_sequence([sequence.long() for sequence in sequences], batch_first=True).to(model.device)  # [S, T]
    mask = (torch.arange(input_ids.shape[1], device=model.device)[None, :] < lengths[:, None]).long()
    output = model.base_model(input_ids=input_ids, attention_mask=mask, use_cache=False)
    return output.last_hidden_state, lengths
