"""From a conversation to token ids, the same for training, evaluation and scoring.

The rendered text is all that the reward model ever sees, so anyone can get the same score with plain transformers.

* The tokenizer has a chat template: the text is the template's rendering of the prompt and one assistant message with
  the completion, special tokens included; it is tokenised without adding any more.
* It has none (base models): the plain template. Each message is `Role: content` (System, User, Assistant), blocks are
  parted by an empty line, and the completion follows as one more `Assistant:` block that ends with the tokenizer's
  end-of-sequence text: `User: Hi\\n\\nAssistant: Hello<eos>`. It is tokenised with the tokenizer's own special tokens
  (a leading <bos>, if it adds one). sampler/ asks its completions of base models with the same template; a test
  compares the two.

**The score is read at the sequence's last token**: the last one that the chat template puts after an assistant turn
(for Gemma the line break after <end_of_turn>), or the plain template's end-of-sequence token.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jinja2 import TemplateError
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from rm_trainer.errors import Refused
from rm_trainer.records import Message

RENDERING = 1
"""Counted up whenever this module makes other tokens of the same text, so that none are taken from an earlier cache."""
SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}


class Renderer:
    """Renders with one tokenizer, for a model that knows `vocabulary` tokens and reads at most `max_length` of them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, max_length: int, vocabulary: int) -> None:
        self.tokenizer: Any = tokenizer
        self.max_length = max_length
        self.vocabulary = vocabulary
        self.plain = not self.tokenizer.chat_template

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
        """The text that is scored. Raises Refused when the chat template refuses the conversation."""
        if self.plain:
            return f"{plain_prompt(prompt)} {completion}{self.tokenizer.eos_token or ''}"
        return self._chat([*prompt, Message(role="assistant", content=completion)], add_generation_prompt=False)

    def render(self, prompt: Sequence[Message], completions: Sequence[str]) -> SharedPrompt:
        """Token ids of the prompt with each completion.

        When the longest is over `max_length`, as many tokens as it is over leave all K at the start of the prompt
        (after a leading begin-of-sequence token), so that all keep the same prompt. Raises Refused when the prompt
        can't give as many: a completion is never cut.
        """
        texts = [self._opening(prompt), *(self.text(prompt, one) for one in completions)]
        opening, *ids = (np.array(one, dtype=np.int32) for one in self._tokenise(texts))
        head = 1 if opening[:1].tolist() == [self.tokenizer.bos_token_id] else 0
        droppable = min(_common_prefix(opening, one) for one in ids) - head
        longest = max(map(len, ids))
        dropped = max(0, longest - self.max_length)
        if dropped > droppable:
            raise Refused(
                f"its longest completion takes {longest - droppable} tokens by itself and the limit "
                f"is {self.max_length}; a completion is never cut. Raise --max-length or leave it out"
            )
        kept = [torch.from_numpy(np.concatenate([one[:head], one[head + dropped :]])) for one in ids]
        return share_prefix(kept, dropped=dropped)

    def last_token(self) -> int:
        """The token that the score is read at, whatever the completion: see the module's docstring."""
        (ids,) = self._tokenise([self.text([Message(role="user", content="a")], "b")])
        return ids[-1]

    def _opening(self, prompt: Sequence[Message]) -> str:
        return plain_prompt(prompt) if self.plain else self._chat(prompt, add_generation_prompt=True)

    def _chat(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        conversation = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text: str = self.tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except TemplateError as error:
            raise Refused(f"the model's chat template refuses the conversation ({error})") from error
        return text

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=self.plain, verbose=False)["input_ids"]
        highest = max(max(one, default=0) for one in ids)
        if highest >= self.vocabulary:
            raise Refused(
                f"the tokenizer makes token {highest} and the model knows {self.vocabulary}: they don't belong together"
            )
        return ids


def plain_prompt(prompt: Sequence[Message]) -> str:
    """The prompt of a model without a chat template, up to where the completion begins after one space. Raises Refused.

    >>> plain_prompt([Message("system", "Be brief."), Message("user", "Hi")])
    'System: Be brief.\\n\\nUser: Hi\\n\\nAssistant:'
    """
    for message in prompt:
        if message.role not in SPEAKERS:
            raise Refused(f"a message has the role {message.role!r}; known roles are {', '.join(SPEAKERS)}")
    blocks = [f"{SPEAKERS[message.role]}: {message.content}" for message in prompt]
    return "\n\n".join([*blocks, "Assistant:"])


def _common_prefix(left: NDArray[np.int32], right: NDArray[np.int32]) -> int:
    shorter = min(len(left), len(right))
    different = left[:shorter] != right[:shorter]
    return int(different.argmax()) if different.any() else shorter
