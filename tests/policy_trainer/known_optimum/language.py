"""A language so small that all its texts can be counted: four tokens, at most three long, the last token ends one.

There are 1 + 3 + 9 + 27 = 40 texts; the 27 longest are cut. So the policy that an objective is highest at is known, and
what the training loop comes to can be held against it, to the last digit. A policy is a table of logits, one row for
each of the 13 beginnings; everything else is the trainer's own code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.training.runtime import Runtime
from policy_trainer.arguments import PpoArguments
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.networks import Networks
from policy_trainer.ppo import ppo_iterations
from policy_trainer.ppo_step import IterationResult
from policy_trainer.pretraining import PretrainingText
from policy_trainer.reward import RewardDoor
from policy_trainer.rollout import Prompt, Rollout
from rm_trainer.protocol import Item, Scored

END, LONGEST = 3, 3
WORDS = [list(product(range(END), repeat=length)) for length in range(LONGEST + 1)]
TEXTS: tuple[tuple[int, ...], ...] = (*((*words, END) for some in WORDS[:-1] for words in some), *WORDS[-1])
BEGINNINGS = {words: place for place, words in enumerate(words for some in WORDS[:-1] for words in some)}
NAMES = ["".join("abc."[token] for token in text) for text in TEXTS]
BEGIN = 9
"""The prompt's only token; no text has it."""
ALL = SharedPrompt(
    ids=torch.tensor([BEGIN, *(token for text in TEXTS for token in text)], dtype=torch.int32),
    prefix=1,
    completions=tuple(map(len, TEXTS)),
)
PREDICTED_BY = torch.tensor([BEGINNINGS[text[:place]] for text in TEXTS for place in range(len(text))])
"""Of every token of every text: the beginning before it."""
OWNER = torch.repeat_interleave(torch.arange(len(TEXTS)), torch.tensor(ALL.completions))
PROMPT = Prompt(1, ({"role": "user", "content": "?"},), (BEGIN,))
CPU = Runtime(device=torch.device("cpu"), dtype=torch.float32)
RIGHT, WRONG = 0.002, 0.005
"""Total variation from the optimum: what is right ends under the first, what is wrong over the second."""


class Table(nn.Module):
    """A language model, or a value function, that knows every beginning by heart."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(rows.clone())  # [13, 4] logits, or [13, 1] values
        width = rows.shape[1]
        self.score = nn.Linear(width, width, bias=False).requires_grad_(False)
        self.score.weight.copy_(torch.eye(width))
        self.config = SimpleNamespace(reward_bias=0.0)

    @property
    def base_model(self) -> nn.Module:
        return self

    def get_output_embeddings(self) -> nn.Module:
        return self.score


class Reading:
    """Finds a token's beginning instead of computing states; each text's once."""

    name, fallback = "full", None

    def predicting_states(self, model: Table, prompts: Sequence[SharedPrompt]) -> Tensor:
        assert all(one is ALL for one in prompts)
        return model.table[PREDICTED_BY]

    def sequence_states(self, model: Table, sequences: Sequence[Tensor]) -> Tensor:
        beginnings = [tuple(one[1 : place + 1].tolist()) for one in sequences for place in range(len(one))]
        return model.table[[BEGINNINGS.get(beginning, 0) for beginning in beginnings]]


@dataclass(frozen=True)
class Likes:
    """A reward model that knows the 40 texts."""

    rewards: Tensor

    def score(self, items: Sequence[Item]) -> list[Scored]:
        return [Scored(float(self.rewards[NAMES.index(item.completion)])) for item in items]


def random_rows(width: int, *, seed: int = 0) -> Tensor:
    return torch.randn(len(BEGINNINGS), width, generator=torch.Generator().manual_seed(seed))


def log_probs(logits: Tensor) -> Tensor:
    """Of the 40 texts: [13, 4] → [40]."""
    of_tokens = logits.log_softmax(dim=-1)[PREDICTED_BY, ALL.ids[1:].long()]
    return of_tokens.new_zeros(len(TEXTS)).index_add(0, OWNER, of_tokens)


REFERENCE = random_rows(4)
REWARDS = torch.rand(len(TEXTS), generator=torch.Generator().manual_seed(1)) * 2 - 1
CORPUS = [torch.tensor([BEGIN, *text], dtype=torch.int32) for text in ((0, 0, END), (1, 0, 2), (0, END))]


def arguments(**options: Any) -> PpoArguments:
    """All texts are drawn at once, each counting as it is likely, so a step is the expected one."""
    given: dict[str, Any] = {
        "data": Path("d"), "base": "b", "output": Path("o"), "reward_model": Path("r"),
        "episodes": 40 * 100, "batch": 40, "minibatch": 40, "completions": 40, "max_new_tokens": LONGEST,
        "beta": 0.3, "gamma": 0.0, "clip": 0.0, "learning_rate": 0.1, "value_learning_rate": 0.1, "warmup_steps": 0,
        "advantage_scale": "none", "beta1": 0.7, "adam_epsilon": 1e-4, "pretraining_examples": 3,
        "missing_end": "lower", "missing_end_reward": -0.5,
    }  # fmt: skip
    return PpoArguments(**given | options)


def worth(given: PpoArguments) -> Tensor:
    """What each text is worth to the policy, the missing end counted."""
    cut = torch.tensor([text[-1] != END for text in TEXTS])
    return torch.where(cut, REWARDS + given.missing_end_reward, REWARDS)


def learned(given: PpoArguments, *, filtered: float = 1.0) -> tuple[Tensor, list[IterationResult]]:
    """The probabilities of the 40 texts after a run of the loop. `filtered`: only so much of the likeliest is drawn."""
    policy: Any = Table(REFERENCE)
    value: Any = Table(torch.zeros(len(BEGINNINGS), 1)) if given.advantage == "gae" else None
    reading: Any = Reading()
    networks = Networks(policy, value, CPU, temperature=given.temperature, readings=(reading, reading))
    groups = [{"params": [policy.table], "lr": 0.0, "peak": given.learning_rate}]
    groups += [{"params": [value.table], "lr": 0.0, "peak": given.value_learning_rate}] if value is not None else []
    optimizer = torch.optim.Adam(groups, betas=(given.beta1, 0.95), eps=given.adam_epsilon)
    text = PretrainingText(CORPUS, "a corpus", 0) if given.gamma else None

    def draw(iteration: int, version: int) -> list[Rollout]:
        if iteration == given.iterations * 2 // 3:  # the last third in small steps: Adam's large ones go to and fro
            for group in optimizer.param_groups:
                group["peak"] /= 10
        with torch.no_grad():
            logs, _, plain = networks.entropies([ALL])
        likely = logs.new_zeros(len(TEXTS)).index_add(0, OWNER, logs).exp()
        kept = _nucleus(likely, filtered)
        return [
            Rollout(
                prompt=PROMPT, tokens=ALL, engine_log_probs=plain, ended=tuple(text[-1] == END for text in TEXTS),
                texts=tuple(NAMES), seeds=(0,) * len(TEXTS), version=version, counts=tuple(kept.tolist()),
            )
        ]  # fmt: skip

    door = RewardDoor(Likes(REWARDS), given.missing_end, given.missing_end_reward)
    results: list[IterationResult] = []
    average = MovingAverage(policy, decay=given.ema_decay)
    for _ in ppo_iterations(networks, optimizer, average, draw, door, text, given, results=results):
        pass
    return log_probs(policy.table.detach() / given.temperature).exp(), results


def optimum(given: PpoArguments, *, scale: float = 1.0) -> Tensor:
    """The 40 probabilities where the objective is highest: π_ref · exp(r / β) / Z; with a pretraining mix found by a
    solver. `scale`: what the loop divides advantages by, so that the mix weighs as much more.
    """
    reference = log_probs(REFERENCE / given.temperature).double()
    if not given.gamma:
        return ((reference + worth(given).double() / given.beta).softmax(dim=0)).float()
    rows = REFERENCE.double().clone().requires_grad_()
    solver = torch.optim.LBFGS([rows], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")
    own = [TEXTS.index(tuple(one[1:].tolist())) for one in CORPUS]
    count = sum(len(one) - 1 for one in CORPUS)

    def loss() -> Tensor:
        solver.zero_grad()
        logs = log_probs(rows)
        objective = (logs.exp() * (worth(given).double() - given.beta * (logs - reference))).sum() / LONGEST / scale
        found = -objective - given.gamma * logs[own].sum() / count
        found.backward()  # type: ignore[no-untyped-call]
        return found

    solver.step(loss)  # type: ignore[no-untyped-call]
    return log_probs(rows.detach()).exp().float()


def distance(one: Tensor, other: Tensor) -> float:
    """Total variation."""
    return float((one - other).abs().sum() / 2)


def _nucleus(likely: Tensor, share: float) -> Tensor:
    if share == 1:
        return likely
    order = likely.argsort(descending=True)
    behind = likely[order].cumsum(0) - likely[order] < share
    kept = torch.zeros_like(likely).index_copy(0, order[behind], likely[order][behind])
    return kept / kept.sum()
