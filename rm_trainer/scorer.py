"""A reward model that stays loaded: rewards for completions, every prompt of a batch read once."""

from collections.abc import Iterator, Sequence
from typing import Self

from transformers import PreTrainedModel

from lm.conversation_tokens import unread_messages
from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from lm.prefix_sharing.strategy import choose_strategy
from lm.rendering import Renderer
from lm.training.arguments import Precision, RuntimeArguments
from lm.training.batches import parts
from lm.training.frozen import keep_rounded
from lm.training.runtime import Runtime, prepare_runtime
from rm_trainer.evaluate import rewards_of
from rm_trainer.model import load_reward_model, reward_bias
from rm_trainer.protocol import Item, Scored

Numbered = tuple[int, SharedPrompt]
"""The item's number, and its one sequence."""

TOKENS_AT_ONCE = 8192
"""Of the completions of a batch as many are in the network at a time, a prompt's counted once."""


class Scorer:
    """A loaded reward model. At most `batch_size` completions pass through the network at a time."""

    def __init__(self, model: PreTrainedModel, renderer: Renderer, runtime: Runtime, *, batch_size: int) -> None:
        self.renderer = renderer
        self.model = keep_rounded(runtime.place(model), runtime.dtype)
        self._runtime = runtime
        self._sharing = choose_strategy(model, runtime.device)
        self._batch_size = batch_size
        self._bias = reward_bias(model)

    @classmethod
    def load(
        cls,
        directory: str,
        *,
        batch_size: int,
        runtime: RuntimeArguments | None = None,
        dtype: Precision = "float32",
        max_length: int | None = None,
    ) -> Self:
        """Raises Refused when it is not a reward model. `max_length` None: what it was trained with."""
        prepared = prepare_runtime(runtime or RuntimeArguments(), dtype)
        model, renderer = load_reward_model(directory, max_length=max_length)
        return cls(model.requires_grad_(requires_grad=False), renderer, prepared, batch_size=batch_size)

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Returns the scores in order; what can't be scored says why. Raises Failed when a reward is not a finite
        number.
        """
        found: dict[int, Scored] = {}
        rendered: dict[int, SharedPrompt] = {}
        unread: set[int] = set()
        for number, item in enumerate(items):
            try:
                made = self.renderer.tokens(item.prompt, [item.completion])
                rendered[number] = self.renderer.fit(made)
                if not self.renderer.plain and unread_messages(item.prompt, item.completion, made.texts[0]):
                    unread.add(number)
            except Refused as refusal:
                found[number] = Scored(None, problem=str(refusal))
        for batch in self._batches(items, rendered):
            together = [_together(group) for group in batch]
            rewards = rewards_of(self.model, self._runtime, self._sharing, together, tokens=TOKENS_AT_ONCE)
            numbered = [each for group in batch for each in group]
            for (number, one), reward in zip(numbered, rewards.tolist(), strict=True):
                found[number] = Scored(reward + self._bias, dropped=one.dropped, unread=number in unread)
        return [found[number] for number in range(len(items))]

    def _batches(self, items: Sequence[Item], rendered: dict[int, SharedPrompt]) -> Iterator[list[Sequence[Numbered]]]:
        """Groups that share a prompt, whole where they fit, as many at a time as the batch has room for."""
        batch: list[Sequence[Numbered]] = []
        room = self._batch_size
        for group in _groups(items, rendered):
            for part in parts(group, self._batch_size):
                if len(part) > room:
                    yield batch
                    batch, room = [], self._batch_size
                batch.append(part)
                room -= len(part)
        if batch:
            yield batch


def _groups(items: Sequence[Item], rendered: dict[int, SharedPrompt]) -> list[list[Numbered]]:
    """Each completion was cut by itself, so that its reward is its own; those cut differently share no prompt."""
    groups: dict[tuple[object, int], list[Numbered]] = {}
    for number, one in rendered.items():
        turns = tuple((message["role"], message["content"]) for message in items[number].prompt)
        groups.setdefault((turns, one.dropped), []).append((number, one))
    return list(groups.values())


def _together(group: Sequence[Numbered]) -> SharedPrompt:
    sequences = [sequence for _, one in group for sequence in one.sequences()]
    return share_prefix(sequences, dropped=group[0][1].dropped)
