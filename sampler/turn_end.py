"""Where the assistant's turn ends: end-of-turn tokens, and in the plain format the opening of the next turn."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase, StoppingCriteria

from lm.conversation_tokens import ConversationTokens
from lm.errors import UnusablePrompt
from lm.prompt_format import NEXT_TURN_MARKERS, Message

_MARKER_TOKENS = max(len(marker.encode()) for marker in NEXT_TURN_MARKERS) + 3
"""A tail of this many tokens holds a marker even if every byte is a token (and the tail starts within a character)."""

_PROBE = "concord"


def end_token_ids(
    tokenizer: PreTrainedTokenizerBase, conversations: ConversationTokens, generation_config: GenerationConfig | None
) -> list[int]:
    """The tokenizer's end of sequence, generation_config.json's, and what the chat template ends a turn with."""
    configured = generation_config.eos_token_id if generation_config else None
    listed = configured if isinstance(configured, list) else [configured]
    found = {*listed, tokenizer.eos_token_id, _template_end(conversations)} - {None}
    return sorted(int(token) for token in found)


def _template_end(conversations: ConversationTokens) -> int | None:
    """The special token that the chat template puts behind an assistant's message: `<end_of_turn>`, `<|im_end|>`."""
    if conversations.plain:
        return None
    try:
        text = conversations.answered_text([Message(role="user", content="Hello")], _PROBE)
    except UnusablePrompt:
        return None  # a template that takes no finished answers says nothing about their end
    tail = conversations.tokenizer.encode(text.rpartition(_PROBE)[2].lstrip(), add_special_tokens=False).ids
    return tail[0] if tail and tail[0] in conversations.tokenizer.get_added_tokens_decoder() else None


class TurnEnd(StoppingCriteria):
    """Ends each row of a batch by itself, and remembers where and whether the model ended it."""

    def __init__(
        self, *, prompt_width: int, rows: int, end_tokens: Tensor, tokenizer: PreTrainedTokenizerBase, markers: bool
    ) -> None:
        """`end_tokens`: int64 [n], on the model's device. `markers`: also look for the plain format's next turn."""
        self.eos_token_id = (
            end_tokens  # by this attribute, `generate` knows that it has to pad the rows that have ended
        )
        self.lengths = torch.zeros(rows, dtype=torch.int64, device=end_tokens.device)
        """Sampled tokens of each row that has ended, those that ended it included; 0 while it goes on."""
        self._prompt_width = prompt_width
        self._tokenizer: Any = tokenizer
        self._markers = markers

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:  # noqa: ARG002
        running = self.lengths == 0
        ended = torch.isin(input_ids[:, -1], self.eos_token_id)
        if self._markers:
            ended |= self._next_turn_begun(input_ids, running.tolist())
        self.lengths[running & ended] = input_ids.shape[1] - self._prompt_width
        return self.lengths > 0

    def _next_turn_begun(self, input_ids: Tensor, running: Sequence[bool]) -> Tensor:
        start = max(self._prompt_width, input_ids.shape[1] - _MARKER_TOKENS)
        tails = input_ids[:, start:].tolist()
        begun = [goes_on and self._has_marker(tail) for goes_on, tail in zip(running, tails, strict=True)]
        return torch.tensor(begun, device=input_ids.device)

    def _has_marker(self, tail: list[int]) -> bool:
        text: str = self._tokenizer.decode(tail, skip_special_tokens=True)
        return any(marker in text for marker in NEXT_TURN_MARKERS)
