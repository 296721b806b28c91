"""Where the assistant's turn ends: end-of-turn tokens, and in the plain format the opening of the next turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig, PreTrainedTokenizerBase

from lm.conversation_tokens import ConversationTokens
from lm.errors import UnusablePrompt
from lm.prompt_format import NEXT_TURN_MARKERS, Message, plain_completion
from lm.white_space import kept_answer
from sampler.protocol import SampleRequest

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


@dataclass(frozen=True, kw_only=True)
class TurnEnd:
    """Where a completion's text ends: before a stop of its request, and in the plain format before the next turn."""

    tokenizer: Any
    markers: bool
    """Whether the model speaks the plain format, which no token ends."""

    def stops(self, request: SampleRequest) -> tuple[str, ...]:
        return (*request.stop, *NEXT_TURN_MARKERS) if self.markers else tuple(request.stop)

    def has_stopped(self, request: SampleRequest, tokens: Sequence[int]) -> bool:
        """Whether the text holds a stop, which its last token has then completed."""
        stops = self.stops(request)
        if not stops:
            return False
        # A tail of so many tokens holds a stop even if every byte is a token, and the tail starts within a character.
        tail = self._decoded(tokens[-(max(len(stop.encode()) for stop in stops) + 3) :])
        return any(stop in tail for stop in stops)

    def text(self, request: SampleRequest, tokens: Sequence[int]) -> str:
        """The completion as it is kept: without special tokens, without what ended it."""
        text = _before(self._decoded(tokens), request.stop)
        return plain_completion(text) if self.markers else kept_answer(text)

    def text_so_far(self, request: SampleRequest, tokens: Sequence[int]) -> str:
        """Of a completion that goes on: what stays as it is, whatever comes. Whole characters; no white space, and no
        beginning of a stop, at its end."""
        text = _before(self._decoded(tokens), self.stops(request)).rstrip("\ufffd")
        begun = max((_overlap(text, stop) for stop in self.stops(request)), default=0)
        text = text[: len(text) - begun].rstrip()
        return plain_completion(text) if self.markers else kept_answer(text)

    def _decoded(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def _before(text: str, stops: Sequence[str]) -> str:
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` a stop begins with."""
    return next((size for size in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:size])), 0)
