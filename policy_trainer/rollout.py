"""Answers of the policy as it is now, by the sampler's engine: a prompt is read once for all of its answers.

The engine is given a copy of the weights, made for one rollout and let go of after it: packed for the processor, in the
precision of the matrix products. So it is never an update behind, and what trains is never cast. Of several processes
each answers some of the prompts and learns the others' answers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lm.errors import Failed, Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prompt_format import Message
from lm.training.dealing import deal
from lm.training.frozen import round_weights
from lm.training.fsdp import whole_copy
from lm.training.lora import has_adapters, merge_adapters
from lm.training.runtime import Runtime
from policy_trainer.model import Policy
from sampler.engine import Engine, OutOfMemory
from sampler.packed_layers import pack_layers
from sampler.protocol import SampleRequest
from sampler.rows import Job


@dataclass(frozen=True)
class Prompt:
    """A conversation to be answered, and its tokens."""

    number: int
    """By which a refusal names it: its place in the file or the snapshot, from 1."""
    messages: tuple[Message, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Rollout:
    """K answers to one prompt. `tokens`: the prompt, and what was drawn, the token that ended it included."""

    prompt: Prompt
    tokens: SharedPrompt
    engine_log_probs: Tensor  # [ΣC] float32: of each drawn token when it was drawn, at temperature 1
    ended: tuple[bool, ...]  # whether an answer ended by itself; else it was cut
    texts: tuple[str, ...]
    seeds: tuple[int, ...]
    version: int
    """How many updates the weights had behind them that drew it."""
    counts: tuple[float, ...] = ()
    """How much each answer counts: 1, where it was drawn; its probability, where all there are are listed."""

    @property
    def weights(self) -> Tensor:
        return torch.tensor(self.counts or (1.0,) * len(self.texts))


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn: nothing is filtered, so that the log-probabilities that are learned are those drawn by."""

    completions: int
    max_new_tokens: int
    temperature: float = 1.0
    max_tokens: int = 32_768


def prompt_of(policy: Policy, number: int, messages: Sequence[Message]) -> Prompt:
    """Raises Refused where the template does."""
    try:
        return Prompt(number, tuple(messages), tuple(policy.renderer.conversations.prompt_ids(messages)))
    except Refused as refusal:
        raise Refused(f"Prompt {number} can't be used: {str(refusal).rstrip('.')}.") from refusal


def sample(
    policy: Policy, runtime: Runtime, prompts: Sequence[Prompt], sampling: Sampling, *, seed: int, version: int
) -> list[Rollout]:
    """Answers to each prompt, in order; answer k of prompt number p of these is drawn with the seed
    seed + p · completions + k. Every process must call it. Raises Failed where not even one answer fits into memory.
    """
    processes = runtime.processes
    model = whole_copy(policy.model, runtime.device, None if has_adapters(policy.model) else runtime.dtype)
    merge_adapters(model)  # in the precision that they are trained in
    nn.Module.eval(model)  # layers that are computed again in the backward pass are in training mode
    pack_layers(round_weights(model, runtime.dtype))
    turn_end = policy.turn_end
    engine = Engine(
        model,
        end_tokens=policy.end_tokens,
        has_stopped=lambda row: turn_end.has_stopped(row.job.request, row.tokens),
        max_tokens=sampling.max_tokens,
    )
    own = sorted(deal([len(one.ids) for one in prompts], processes=processes.size)[processes.rank])
    jobs = {place: _job(prompts[place], sampling, seed=seed + place * sampling.completions) for place in own}
    with processes.agreed():
        _run(engine, jobs.values())
        answered = {place: _rollout(policy, prompts[place], job, version) for place, job in jobs.items()}
    found = {place: one for everyones in processes.gathered(answered) for place, one in everyones.items()}
    return [found[place] for place in range(len(prompts))]


def _job(prompt: Prompt, sampling: Sampling, *, seed: int) -> Job:
    request = SampleRequest(
        messages=prompt.messages,
        num_completions=sampling.completions,
        seed=seed,
        temperature=sampling.temperature,
        max_new_tokens=sampling.max_new_tokens,
    )
    return Job(request=request, prompt=prompt.ids)


def _run(engine: Engine, jobs: Iterable[Job]) -> None:
    for job in jobs:
        engine.submit(job)
    try:
        while not engine.is_idle:
            engine.step()
    except OutOfMemory as error:
        raise Failed(f"{error} Lower --max-new-tokens, or take a device with more memory.") from error


def _rollout(policy: Policy, prompt: Prompt, job: Job, version: int) -> Rollout:
    rows = [job.done[index] for index in range(job.request.num_completions)]
    if any(row.finish_reason == "fault" for row in rows):
        raise Failed(
            f"The policy gives no usable probabilities at prompt {prompt.number}. Its weights are broken, or the "
            "precision is too low: try --dtype float32."
        )
    ids = torch.tensor([*prompt.ids, *(token for row in rows for token in row.tokens)], dtype=torch.int32)
    return Rollout(
        prompt=prompt,
        tokens=SharedPrompt(ids=ids, prefix=len(prompt.ids), completions=tuple(len(row.tokens) for row in rows)),
        engine_log_probs=torch.tensor([one for row in rows for one in row.logprobs]),
        ended=tuple(row.finish_reason == "stop" for row in rows),
        texts=tuple(policy.turn_end.text(job.request, row.tokens) for row in rows),
        seeds=tuple(row.seed for row in rows),
        version=version,
    )
