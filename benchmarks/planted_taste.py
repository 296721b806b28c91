"""PPO-ptx and DPO for a taste that is known, against the best of four answers by the same reward model.

    python -m benchmarks.planted_taste [--quick] [--only "seed 0"]

The demo's way, by the trainers' own commands: the demo's model is tuned on the starter's demonstrations (SFT), noisy
labelers whose taste is planted (fewer characters are better) rank its answers to prompts of the split train, and a
reward model learns from the rankings. PPO then optimises the reward model, DPO the same rankings. Both answer prompts
that nothing was trained on or chosen by; the taste says, blind, whose answer is better: theirs, or the best of four of
SFT's by the reward model. KL is that of whole answers to SFT; the pretraining mix is of this project's documentation,
of which every fourth page is left out, and SFT and policy are held against each other on those. All intervals are 95%,
by a bootstrap over prompts, or over rows of text, whose seeds are taken together.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.harness import command
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.policy.taste import BASE, FAST, TASTE, World, answers_of, learn, made, opened
from labeling.policies.rules.tastes import Answers, compare
from lm.prefix_sharing.strategy import choose_strategy
from lm.training.runtime import Runtime
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.maths.answers import summed
from policy_trainer.model import Policy
from policy_trainer.networks import Networks
from policy_trainer.reward import RewardDoor, load_checked
from policy_trainer.rollout import Rollout
from rm_trainer.evaluation.bootstrap import places, ratio, sums
from sampler.demo_model import DemoModelUnavailable, make_demo_model

SEEDS, ANSWERS, BEST_OF = 3, 8, 4
"""`ANSWERS` of each policy to each prompt, and `BEST_OF` times as many of SFT's to choose of."""
FINAL = 2**41
"""Seeds of these answers begin here, where no training and no ranking has drawn any."""
ROWS, LENGTH = 64, 128
"""Of the text that is left out: so many rows of so many tokens."""
EXACT = Runtime(device=torch.device("cpu"), dtype=torch.float32)


@dataclass(frozen=True)
class Judged:
    """What a seed's policy answered to each prompt of the split test; KL of each answer, prompt by prompt, and its
    loss on each row of text that it did not learn from, in nats a token."""

    answers: Answers
    kl: list[list[float]]
    text_losses: list[float]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Most of an hour of two cores, and 12 GiB; --quick has one seed, one iteration, and takes some five minutes."""
    try:
        make_demo_model(BASE)
    except DemoModelUnavailable as unavailable:
        print(f"{unavailable} Nothing was measured.")
        return []
    with tempfile.TemporaryDirectory(dir=ROOT / "var") as name:
        world = made(Path(name), quick=quick)
        seeds = [seed for seed in range(1 if quick else SEEDS) if only in f"seed {seed}"]
        for seed in seeds:
            learn(world, seed, quick=quick)
        return measured(world, seeds, rows=4 if quick else ROWS)


def measured(world: World, seeds: Sequence[int], *, rows: int) -> list[Measure]:
    sft = opened(world.sft)
    drawn = answers_of(sft, world.prompts["test"], each=BEST_OF * ANSWERS, seed=FINAL)
    door = RewardDoor(load_checked(world.reward, sft).scorer(FAST))
    best = [
        best_of(texts, rewards)
        for texts, rewards in zip((one.texts for one in drawn), door.rewards(drawn), strict=True)
    ]
    plain = [one.texts[:ANSWERS] for one in drawn]
    left_out = text_rows(sft, world.directory / "text_left_out", count=rows)
    losses = text_losses(sft, left_out)
    found = _against(f"best of {BEST_OF}", best, plain, "SFT")
    for method in ("ppo", "dpo"):
        of_seeds = [judge(world, world.output(method, seed), sft, left_out) for seed in seeds]
        found += of_method(method.upper(), of_seeds, best, plain, losses)
    return found


def best_of(texts: Sequence[str], rewards: Sequence[float]) -> list[str]:
    """The text with the highest reward of each BEST_OF in a row."""
    every = list(zip(rewards, texts, strict=True))
    return [max(every[place : place + BEST_OF], key=lambda one: one[0])[1] for place in range(0, len(every), BEST_OF)]


def judge(world: World, output: Path, sft: Policy, rows: Sequence[torch.Tensor]) -> Judged:
    policy = opened(output)
    rollouts = answers_of(policy, world.prompts["test"], each=ANSWERS, seed=FINAL)
    return Judged(
        answers=[one.texts for one in rollouts],
        kl=kl_to(sft, policy, rollouts),
        text_losses=text_losses(policy, rows),
    )


def of_method(
    name: str, seeds: Sequence[Judged], best: Answers, plain: Answers, losses: Sequence[float]
) -> list[Measure]:
    """All seeds' answers to a prompt stand beside one another."""
    answers = [[text for one in seeds for text in one.answers[place]] for place in range(len(best))]
    found = _against(name, answers, [list(one) * len(seeds) for one in best], f"best of {BEST_OF}")
    found += _against(name, answers, [list(one) * len(seeds) for one in plain], "SFT")
    kl = [value for one in seeds for own in one.kl for value in own]
    numbers = [place for one in seeds for place, own in enumerate(one.kl) for _ in own]
    found += _share(f"{name}: KL of an answer to SFT", "nats", numbers, kl, [1.0] * len(kl))
    lost = [100 * loss for one in seeds for loss in one.text_losses]
    rows = list(range(len(losses))) * len(seeds)
    found += _share(f"{name}: loss on text left out, of SFT's", "%", rows, lost, list(losses) * len(seeds))
    return found


def _against(name: str, first: Answers, second: Answers, other: str) -> list[Measure]:
    compared = compare(first, second, TASTE)
    rate = Measure(name=f"{name} is preferred to {other}", value=100 * compared.win_rate, unit="%", better="more")
    return _with_ends(rate, [100 * end for end in compared.interval or ()])


def _share(
    name: str, unit: str, groups: Sequence[int], above: Sequence[float], below: Sequence[float]
) -> list[Measure]:
    """One sum over another, the less the better."""
    value, ends = ratio(sums(places(groups), above, below), 0, 1, samples=1000)
    assert value is not None  # there are rows
    return _with_ends(Measure(name=name, value=value, unit=unit, better="less"), ends or ())


def _with_ends(measure: Measure, ends: Sequence[float]) -> list[Measure]:
    """Those of its interval, where it has one."""
    return [
        measure,
        *(
            replace(measure, name=f"{measure.name}: {name} end of its 95% interval", value=end)
            for name, end in zip(("lower", "upper"), ends, strict=False)
        ),
    ]


@torch.no_grad()
def kl_to(sft: Policy, policy: Policy, rollouts: Sequence[Rollout]) -> list[list[float]]:
    """Of each answer, log π − log π_SFT added up over its tokens: of whole answers that π drew its mean is KL's."""
    found = []
    for one in rollouts:
        own, beginning = (
            completion_log_probs(each.model, choose_strategy(each.model, EXACT.device), [one.tokens])
            for each in (policy, sft)
        )
        found.append(summed(own - beginning, one.tokens.completions).tolist())
    return found


def text_rows(policy: Policy, folder: Path, *, count: int) -> list[torch.Tensor]:
    """Rows of LENGTH tokens, as many of each file."""
    files = sorted(folder.iterdir())
    conversations = policy.renderer.conversations
    each = -(-count // len(files))
    return [
        row
        for file in files
        for row in torch.split(torch.tensor(conversations.text_ids(file.read_text(encoding="utf-8"))), LENGTH)[:each]
        if len(row) == LENGTH
    ][:count]


@torch.no_grad()
def text_losses(policy: Policy, rows: Sequence[torch.Tensor]) -> list[float]:
    networks = Networks(policy.model, None, EXACT)
    return [-networks.text_log_probs([row]).mean().item() for row in rows]


if __name__ == "__main__":
    command.run(main)
