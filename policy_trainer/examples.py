"""What SFT learns from: conversations as tokens, and which of the tokens are learned.

Learned are the assistant's turns that a labeler wrote, each to the token that ends it: of a demonstration the answer,
of a dialogue, whose labeler wrote both sides, every turn of the assistant. Whatever a user says is read only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lm.prompt_format import Message
from lm.snapshot.reading import Snapshot
from lm.snapshot.records.demonstrations import Demonstration
from policy_trainer.few_shot import with_other_sets
from policy_trainer.model import Policy
from rm_trainer.usable import Remarking, Remarks, in_words, usable_part

DIALOGUE = "dialogue"
"""`source` of a demonstration that is a dialogue's last turn (docs/data-contract.md)."""


@dataclass(frozen=True)
class Example:
    """A conversation's tokens [T] int32, and which are learned [T] bool: never the first, which nothing predicts."""

    record: int
    ids: Tensor
    learned: Tensor
    dropped: int = 0
    """Tokens that the length limit took from its start."""

    @property
    def count(self) -> int:
        return int(self.learned.sum())


@dataclass(frozen=True)
class Examples:
    """Those of a split that can be used, and what is left out."""

    examples: list[Example]
    remarks: Remarks

    def in_words(self) -> list[str]:
        """A sentence for each reason for which something is left out."""
        return in_words(self.remarks, of="demonstration")

    def counts(self) -> dict[str, int]:
        return {
            "demonstrations": len(self.examples),
            "tokens": sum(len(one.ids) for one in self.examples),
            "learned_tokens": sum(one.count for one in self.examples),
            "shortened": sum(one.dropped > 0 for one in self.examples),
            "dropped_tokens": sum(one.dropped for one in self.examples),
        }


def read_examples(snapshot: Snapshot, split: str, policy: Policy, *, few_shot_sets: int = 1, seed: int = 0) -> Examples:
    """The demonstrations of a split, those of few-shot prompts behind so many sets of their pairs. Raises Refused for a
    record that breaks the data contract.
    """
    remarking = Remarking()
    expanded = (with_other_sets(one, sets=few_shot_sets, seed=seed) for one in snapshot.demonstrations(split))
    found = [example_of(one, policy, remarking) for several in expanded for one in several]
    return Examples([one for one in found if one is not None], remarking.remarks)


def example_of(ideal: Demonstration, policy: Policy, remarking: Remarking) -> Example | None:
    """Returns None where the answer is empty, doesn't fit by itself, or the template refuses the conversation."""
    record, renderer = ideal.demonstration_id, policy.renderer
    usable = usable_part(record, renderer, ideal.prompt, [ideal.completion], ranks=[1], remarking=remarking)
    if usable is None:
        return None
    messages = [*ideal.prompt, Message(role="assistant", content=ideal.completion)]
    turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    whole = np.array(renderer.conversations.answered_ids(ideal.prompt, ideal.completion), dtype=np.int32)
    learned = _learned(whole, messages, turns if ideal.source == DIALOGUE else turns[-1:], policy)
    kept, dropped = usable.tokens.ids, usable.tokens.dropped
    learned = _cut(learned, dropped, begins=whole[0] == renderer.tokenizer.bos_token_id)
    learned[0] = False
    return Example(record, kept, torch.from_numpy(learned), dropped)


def _learned(
    whole: NDArray[np.int32], messages: Sequence[Message], turns: Sequence[int], policy: Policy
) -> NDArray[np.bool_]:
    """[T]: from where the prompt before a turn stops being alike to the token that ends it.

    In the plain format no token ends a turn in the middle, so there only its text is learned.
    """
    conversations = policy.renderer.conversations
    learned = np.zeros(len(whole), dtype=bool)
    for turn in turns:
        opening = np.array(conversations.prompt_ids(messages[:turn]), dtype=np.int32)
        answered = np.array(conversations.answered_ids(messages[:turn], messages[turn]["content"]), dtype=np.int32)
        start, end = _alike(opening, whole), _alike(answered, whole)
        ends = np.flatnonzero(np.isin(whole[start:end], policy.end_tokens))
        learned[start : start + int(ends[0]) + 1 if len(ends) else end] = True
    return learned


def _cut(learned: NDArray[np.bool_], dropped: int, *, begins: bool) -> NDArray[np.bool_]:
    """As the renderer cuts: `dropped` tokens behind a begin of sequence."""
    head = 1 if begins else 0
    return np.concatenate([learned[:head], learned[head + dropped :]])


def _alike(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    shorter = min(len(one), len(other))
    different = one[:shorter] != other[:shorter]
    return int(different.argmax()) if different.any() else shorter
