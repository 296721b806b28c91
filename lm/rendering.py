"""Turns conversations into token ids for a network, the same for training, evaluation and scoring.

The rendered text is all that a model ever sees (lm/conversation_tokens.py). What is rendered with is kept in the
tokenizer as its chat template and saved with a checkpoint, so anyone gets the same tokens with plain transformers: the
template's text, tokenised without adding any special tokens. A base model's tokenizer gets the plain format as its
template (lm/prompt_format.py); a finished conversation then ends with the end of sequence:
`User: Hi\\n\\nAssistant: Hello<eos>`.

**A reward is read at the sequence's last token**: the last one that the chat template puts after an assistant turn (for
Gemma the line break after <end_of_turn>), or the plain format's end-of-sequence token.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lm.conversation_tokens import ConversationTokens
from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from lm.prompt_format import Message

RENDERING = 2
"""Counted up whenever this module makes other tokens of the same text, so that none are taken from an earlier cache."""


@dataclass(frozen=True)
class Rendered:
    """A prompt with K completions, before the length limit."""

    texts: tuple[str, ...]
    """What the model is given to read, each with its completion."""
    ids: tuple[NDArray[np.int32], ...]  # K of [tokens]
    shared: int
    """Tokens of the prompt that all K begin with, and may lose to the limit."""
    head: int
    """1 where a begin-of-sequence token stays before them."""

    def own_tokens(self, place: int) -> int:
        """Returns how many tokens one of the K takes, whatever leaves the start of the prompt."""
        return len(self.ids[place]) - self.shared

    def only(self, places: Sequence[int]) -> Self:
        """Returns some of the K."""
        texts, ids = tuple(self.texts[place] for place in places), tuple(self.ids[place] for place in places)
        return replace(self, texts=texts, ids=ids)


class Renderer:
    """Renders with one tokenizer, for a model that knows `vocabulary` tokens and reads at most `max_length` of them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, max_length: int, vocabulary: int) -> None:
        self.tokenizer: Any = tokenizer
        self.max_length = max_length
        self.vocabulary = vocabulary
        self.conversations = ConversationTokens.of(tokenizer)
        self.plain = self.conversations.plain

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, max_length: int) -> Self:
        """For a model, which may read less than `max_length`."""
        config = model.config.get_text_config()
        positions = getattr(config, "max_position_embeddings", None) or max_length
        vocabulary = cast("nn.Embedding", model.get_input_embeddings()).num_embeddings
        return cls(tokenizer, max_length=min(max_length, positions), vocabulary=vocabulary)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of all that decides which tokens a text becomes: tokenizer, chat template, limits and versions."""
        with TemporaryDirectory() as directory:
            self.tokenizer.save_pretrained(directory)
            files = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in Path(directory).iterdir()]
        packages = [version("transformers"), version("tokenizers")]
        decisive = [RENDERING, sorted(files), self.max_length, self.vocabulary, packages]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def text(self, prompt: Sequence[Message], completion: str) -> str:
        """Returns the prompt with the completion as one text. Raises UnusablePrompt."""
        return self.conversations.answered_text(prompt, completion)

    def render(self, prompt: Sequence[Message], completions: Sequence[str]) -> SharedPrompt:
        """Token ids of the prompt with each completion, within the limit. Raises Refused."""
        return self.fit(self.tokens(prompt, completions))

    def tokens(self, prompt: Sequence[Message], completions: Sequence[str]) -> "Rendered":
        """Token ids of the prompt with each completion, however long. Raises Refused."""
        sequences = (
            self.conversations.prompt_ids(prompt),
            *(self.conversations.answered_ids(prompt, one) for one in completions),
        )
        self._refuse_unknown(sequences)
        start, *ids = (np.array(one, dtype=np.int32) for one in sequences)
        head = 1 if start[:1].tolist() == [self.tokenizer.bos_token_id] else 0
        shared = min(_common_prefix(start, one) for one in ids) - head
        texts = tuple(self.text(prompt, one) for one in completions)
        return Rendered(texts=texts, ids=tuple(ids), shared=shared, head=head)

    def fit(self, rendered: "Rendered") -> SharedPrompt:
        """Brings the sequences within the limit.

        When the longest is over `max_length`, as many tokens as it is over leave all K at the start of the prompt
        (after a leading begin-of-sequence token), so that all keep the same prompt. Raises Refused when the prompt
        can't give as many: a completion is never cut.
        """
        ids, head = rendered.ids, rendered.head
        longest = max(map(len, ids))
        dropped = max(0, longest - self.max_length)
        if dropped > rendered.shared:
            raise Refused(
                f"its longest completion takes {longest - rendered.shared} tokens by itself and the limit "
                f"is {self.max_length}; a completion is never cut. Raise --max-length or leave it out"
            )
        kept = [torch.from_numpy(np.concatenate([one[:head], one[head + dropped :]])) for one in ids]
        return share_prefix(kept, dropped=dropped)

    def last_token(self) -> int:
        """The token that the score is read at, whatever the completion: see the module's docstring."""
        ids = self.conversations.answered_ids([Message(role="user", content="a")], "b")
        self._refuse_unknown([ids])
        return ids[-1]

    def _refuse_unknown(self, sequences: Iterable[Sequence[int]]) -> None:
        highest = max(max(one, default=0) for one in sequences)
        if highest >= self.vocabulary:
            raise Refused(
                f"the tokenizer makes token {highest} and the model knows {self.vocabulary}: they don't belong together"
            )


def _common_prefix(left: NDArray[np.int32], right: NDArray[np.int32]) -> int:
    shorter = min(len(left), len(right))
    different = left[:shorter] != right[:shorter]
    return int(different.argmax()) if different.any() else shorter
