"""The networks of PPO: policy and value function, which train, and the reference, which doesn't.

With adapters (LoRA) the reference is the policy without them, and costs nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.training.frozen import keep_rounded, share_frozen
from lm.training.fsdp import whole_copy
from lm.training.lora import has_adapters, without_adapters
from lm.training.processes import Processes
from lm.training.runtime import Runtime
from policy_trainer.log_probs import can_be_kept, completion_entropies, completion_log_probs, token_log_probs
from policy_trainer.model import unembedding
from rm_trainer.model import reward_bias, score_hidden


class Networks(nn.Module):
    """Reads prompts with their completions, each prompt once, in whichever network; tensors are flat, [ΣC].

    `value` is None where advantages need no value function.
    """

    def __init__(
        self,
        policy: PreTrainedModel,
        value: PreTrainedModel | None,
        runtime: Runtime,
        *,
        temperature: float = 1.0,
        reward_scale: float = 1.0,
        readings: tuple[Strategy, Strategy] | None = None,
    ) -> None:
        """Makes the reference of the policy as it is now, both where the runtime has placed them; every process must
        call it. `readings`: of policy and value; absent, the fastest.
        """
        super().__init__()
        self.policy = policy
        self.value = value
        self._runtime = runtime
        self._temperature = temperature
        self._reward_scale = reward_scale
        reference = None if has_adapters(policy) else runtime.place(whole_copy(policy, runtime.device))
        if reference is not None:
            share_frozen(policy, keep_rounded(reference, runtime.dtype))
        self._reference = (reference,)  # in a tuple: no submodule
        own = readings or tuple(choose_strategy(one or policy, runtime.device) for one in (policy, value))
        self.reading, self._reading_values = own

    @property
    def processes(self) -> Processes:
        return self._runtime.processes

    @property
    def device(self) -> torch.device:
        return self._runtime.device

    def log_probs(self, prompts: Sequence[SharedPrompt]) -> Tensor:
        with self._runtime.autocast():
            return completion_log_probs(self.policy, self.reading, prompts, temperature=self._temperature)

    def entropies(self, prompts: Sequence[SharedPrompt]) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities, entropies, and log-probabilities at temperature 1. Where gradients are enabled the first
        have them, if `can_learn_at_once`."""
        with self._runtime.autocast():
            return completion_entropies(self.policy, self.reading, prompts, temperature=self._temperature)

    @property
    def can_learn_at_once(self) -> bool:
        return can_be_kept(unembedding(self.policy))

    def text_log_probs(self, rows: Sequence[Tensor]) -> Tensor:
        """Of every token of texts [T] but each one's first, at temperature 1: [Σ(T − 1)]."""
        with self._runtime.autocast():
            hidden = self.reading.sequence_states(self.policy, rows)  # [ΣT, d]
            ends = torch.tensor([len(row) for row in rows]).cumsum(0) - 1
            keep = torch.ones(len(hidden), dtype=torch.bool).index_fill(0, ends, value=False).to(hidden.device)
            tokens = torch.cat([row[1:] for row in rows]).long().to(hidden.device)
            return token_log_probs(unembedding(self.policy), hidden[keep], tokens)

    @torch.no_grad()
    def reference_log_probs(self, prompts: Sequence[SharedPrompt]) -> Tensor:
        with self._runtime.autocast(), self.as_reference() as reference:
            return completion_log_probs(reference, self.reading, prompts, temperature=self._temperature)

    def values(self, prompts: Sequence[SharedPrompt]) -> Tensor:
        """What is expected before each token is drawn: read at the token before it, with the reward model's bias, in
        the rewards' scale."""
        assert self.value is not None
        with self._runtime.autocast():
            hidden = self._reading_values.predicting_states(self.value, prompts)  # [ΣC, d]
        return (score_hidden(self.value, hidden) + reward_bias(self.value)) / self._reward_scale

    @contextmanager
    def as_reference(self) -> Iterator[PreTrainedModel]:
        """Inside it this model is the reference."""
        (reference,) = self._reference
        if reference is not None:
            yield reference
            return
        with without_adapters(self.policy):
            yield self.policy
