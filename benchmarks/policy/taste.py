"""A world with a taste that is known: who wants what is a rule, and all else is the demo's way to a policy.

The starter's demonstrations and prompts, noisy labelers who follow the rule, and the trainers' own commands.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.machine import ROOT
from labeling.simulation.rules.behaviours import Behaviour
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.rules.ranking import Page, hand_in
from lm.prompt_format import Message
from lm.snapshot.writing import SnapshotWriter
from lm.training.runtime import Runtime
from policy_trainer.model import Policy, load_policy
from policy_trainer.rollout import Rollout, Sampling, prompt_of, sample

BASE = ROOT / "var" / "models" / "gemma-3-270m"
STARTER = ROOT / "labeling" / "campaigns" / "starter_campaign"
PRESET = "demo-270m"
TASTE = rule_named("shorter")
RANKED, NOISE = 6, 0.05
"""Completions of a ranking, and how often neighbours of the taste's order are ranked the wrong way round."""
VALID, TEST = 8, 32
"""Prompts of the starter that the checkpoint is chosen by, and those that nothing is chosen by."""
NEW = 32
"""Tokens of an answer at most."""
SAMPLED = 2**40
"""Seeds of the answers that are ranked begin here, where no training has drawn any."""
LEFT_OUT = 4
"""Of the documentation every so-manieth page."""
FAST = Runtime(device=torch.device("cpu"), dtype=torch.bfloat16)

Conversation = list[Message]
Ranked = tuple[Conversation, Sequence[str], Sequence[int]]
"""A prompt, what was answered, and the rank of each answer, 1 the best."""


@dataclass(frozen=True)
class World:
    """Prompts by split, demonstrations of the split train, and text, each in a place of its own."""

    directory: Path
    prompts: dict[str, list[Conversation]]
    demonstrations: list[tuple[Conversation, str]]

    @property
    def snapshot(self) -> Path:
        return self.directory / "rankings"

    @property
    def sft(self) -> Path:
        return self.directory / "sft"

    @property
    def reward(self) -> Path:
        return self.directory / "reward"

    def output(self, method: str, seed: int) -> Path:
        return self.directory / f"{method}-{seed}"


def made(directory: Path, *, quick: bool) -> World:
    """SFT, its answers as they were ranked, and a reward model; quick: of a quarter of all that there is."""
    each = 4 if quick else 1
    prompts = [line["messages"] for line in _lines("prompts.jsonl")]
    random.Random(0).shuffle(prompts)
    shown = [
        ([Message(role="user", content=one["prompt"])], one["demonstration"])
        for one in _lines("demonstrations.jsonl")[::each]
    ]
    splits = {
        "test": prompts[:TEST:each],
        "valid": prompts[TEST : TEST + VALID : each],
        "train": [*prompts[TEST + VALID :: each], *(prompt for prompt, _ in shown)],
    }
    world = World(directory, splits, shown)
    for place, page in enumerate(sorted((ROOT / "docs").glob("*.md"))):
        folder = directory / ("text_left_out" if place % LEFT_OUT == 0 else "text")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, folder)
    _write(world, directory / "demonstrations", {})
    _run("policy_trainer", "sft", data=directory / "demonstrations", base=BASE, output=world.sft, preset=PRESET,
         **({"epochs": 1} if quick else {}))  # fmt: skip
    _write(world, world.snapshot, ranked(world))
    _run("rm_trainer", "train", data=world.snapshot, base=BASE, output=world.reward, preset=PRESET)
    return world


def ranked(world: World) -> dict[str, list[Ranked]]:
    """SFT's answers to the prompts of train and valid, ranked by the taste with noise."""
    policy, chance = opened(world.sft), random.Random(1)
    found: dict[str, list[Ranked]] = {}
    for split in ("train", "valid"):
        for one in answers_of(policy, world.prompts[split], each=RANKED, seed=SAMPLED + len(split)):
            worths = [TASTE(text) for text in one.texts]
            handed_in = hand_in(Page(worths, [len(text) for text in one.texts]), Behaviour(noise=NOISE), chance=chance)
            found.setdefault(split, []).append((list(one.prompt.messages), one.texts, handed_in.ranks))
    return found


def learn(world: World, seed: int, *, quick: bool) -> None:
    """PPO-ptx and DPO from SFT."""
    few: dict[str, Any] = {"episodes": 32} if quick else {}
    _run(
        "policy_trainer", "ppo", data=world.snapshot, base=world.sft, reward_model=world.reward,
        output=world.output("ppo", seed), pretraining=world.directory / "text", seed=seed, preset=PRESET, **few,
    )  # fmt: skip
    output = world.output("dpo", seed)
    _run("policy_trainer", "dpo", data=world.snapshot, base=world.sft, output=output, seed=seed, preset=PRESET)


def answers_of(policy: Policy, prompts: Sequence[Conversation], *, each: int, seed: int) -> list[Rollout]:
    asked = [prompt_of(policy, number, one) for number, one in enumerate(prompts, 1)]
    return sample(policy, FAST, asked, Sampling(completions=each, max_new_tokens=NEW), seed=seed, version=0)


def opened(path: Path) -> Policy:
    return load_policy(str(path), max_length=1024)


def _run(module: str, *command: str, **options: Any) -> None:
    given = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    subprocess.run([sys.executable, "-m", module, *command, *given], cwd=ROOT, check=True)


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (STARTER / name).read_text(encoding="utf-8").splitlines()]


def _write(world: World, directory: Path, rankings: dict[str, list[Ranked]]) -> None:
    """A snapshot as an export writes it (docs/data-contract.md)."""
    numbers = {
        json.dumps(prompt): n for n, prompt in enumerate((one for own in world.prompts.values() for one in own), 1)
    }

    def record(prompt: Conversation, **more: Any) -> dict[str, Any]:
        return {"schema": 1, "prompt_id": numbers[json.dumps(prompt)], "prompt": prompt, **more}

    directory.mkdir(parents=True)
    with SnapshotWriter(directory) as files:

        def write(kind: str, split: str, **record: Any) -> None:
            files.write_line(kind, split, json.dumps(record, ensure_ascii=False).encode() + b"\n")

        for split, prompts in world.prompts.items():
            for prompt in prompts:
                write("prompts", split, **record(prompt))
        for n, (prompt, answer) in enumerate(world.demonstrations, 1):
            written = [{"role": "assistant", "content": answer}]
            write("demonstrations", "train", **record(prompt, demonstration_id=n, completion=written))
        for split, every in rankings.items():
            for prompt, texts, ranks in every:
                number = numbers[json.dumps(prompt)]
                own = [
                    {"completion_id": 10 * number + place, "text": text, "rank": rank}
                    for place, (text, rank) in enumerate(zip(texts, ranks, strict=True))
                ]
                write("rankings", split, **record(prompt, ranking_id=number, completions=own))
        files.finish(as_of=datetime(2026, 1, 1, tzinfo=UTC), filters={}, counts={})
