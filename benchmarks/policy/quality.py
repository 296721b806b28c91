"""What both sides of policy_quality learn from: a reward that is a rule, prompts, and how a run is described.

Imports nothing of ours, so that peers run it in their own virtual environment.
"""

from dataclasses import dataclass

from benchmarks.policy.shape import texts
from benchmarks.training.shape import SMALL

SHAPE = SMALL | {"vocab_size": 64}
"""So few words that some hundred answers tell which are good."""
BATCH = 64
"""Episodes of an iteration, and of an update."""


@dataclass(frozen=True)
class Learning:
    """A run: `iterations` of BATCH episodes, `k` answers to a prompt. Weights are written after every `look` of them.

    `beta`: what a nat of KL to the beginning costs. The rate is constant; Adam's decays are 0.9 and 0.999.
    """

    seed: int
    iterations: int
    look: int
    k: int = 8
    prompt: int = 8
    new: int = 16
    rate: float = 3e-3
    beta: float = 0.02

    @property
    def prompts_an_iteration(self) -> int:
        return BATCH // self.k

    def prompts(self) -> list[str]:
        return self._texts(self.iterations * self.prompts_an_iteration, seed=1000 + self.seed)

    def held_out(self, count: int) -> list[str]:
        return self._texts(count, seed=2000)

    def _texts(self, count: int, *, seed: int) -> list[str]:
        return texts(count, self.prompt, vocabulary=SHAPE["vocab_size"], seed=seed)


def reward_of(answer: str) -> float:
    """The part of its words that have an even number: about a half by chance, 1 at best."""
    words = [word for word in answer.split() if word.startswith("w")]
    return sum(int(word[1:]) % 2 == 0 for word in words) / max(1, len(words))
