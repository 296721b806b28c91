"""Reward models from the same human rankings, ours and TRL's, from one file to held-out accuracy.

    python -m benchmarks.reward_quality [--quick] [--only "seed 0"]

Open-Assistant's trees (oasst_en_100_tree.jsonl, 212 rankings of 2 to 9 replies) are parted into three folds by tree.
For each of three seeds one fold is held out, so that every ranking is held out once; a seed also decides the head's
weights and the order. Both sides start from one checkpoint with one head, have the same tokens, frozen layers,
precision, schedule and number of steps; ours is `python -m rm_trainer train` and `evaluate`, the peer TRL's
RewardTrainer on all pairs of the same rankings. They differ in what they are: pairs are shuffled one by one there, and
a pair of nine weighs more; here a step has whole prompts, and every prompt weighs the same.

The difference has a 95% interval by a bootstrap over prompts, drawn for both sides together. Without the file, or the
demo's model, there is nothing to measure; the benchmark says so and records nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.harness import command
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.train_step import trl_version
from benchmarks.training import oasst
from benchmarks.training.side import PEERS_PYTHON, ask
from lm.errors import Refused
from lm.prompt_format import Message
from lm.rendering import Renderer
from lm.snapshot.records.rankings import Ranking, parse_ranking
from rm_trainer.evaluate import read_outcomes
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.paired import compare
from rm_trainer.model import load_base_model
from sampler.demo_model import DemoModelUnavailable, make_demo_model

TREES = Path(os.environ.get("OASST_TREES", "oasst_en_100_tree.jsonl"))
BASE = ROOT / "var" / "models" / "gemma-3-270m"
FOLDS = 3
FREEZE_LAYERS, MAX_LENGTH, LEARNING_RATE, RANKINGS_PER_STEP = 15, 256, 5e-5, 8


@dataclass(frozen=True)
class Side:
    """What one trainer left of one seed: how long it took, and how it orders what was held out."""

    seconds: float
    outcomes: list[Outcome]


@dataclass(frozen=True)
class Seed:
    seed: int
    ours: Side
    trl: Side
    reading: dict[str, Any]
    waiting: float | None


def trees_and_base_are_here() -> bool:
    """Makes the base where it can; says what is missing where it can't."""
    if not TREES.exists():
        print(f"{TREES} is not here, so nothing was measured. OASST_TREES names another place.")
        return False
    try:
        make_demo_model(BASE)
    except DemoModelUnavailable as unavailable:
        print(f"{unavailable} Nothing was measured.")
        return False
    return True


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """About ten minutes and 6 GiB; --quick has one seed and sixteen rankings of short replies."""
    if not trees_and_base_are_here():
        return []
    rankings = _rankings(quick=quick)
    seeds = [_seed(seed, rankings) for seed in range(1 if quick else FOLDS) if only in f"seed {seed}"]
    return measures_of(seeds)


def measures_of(seeds: list[Seed]) -> list[Measure]:
    peer = f"TRL {trl_version()}"
    ours = [one for seed in seeds for one in seed.ours.outcomes]
    trl = [one for seed in seeds for one in seed.trl.outcomes]
    both = [(summarise(seed.ours.outcomes), summarise(seed.trl.outcomes)) for seed in seeds]
    found = [
        _accuracy(f"held-out pair accuracy, seed {seed.seed}", a["pair_accuracy"], b["pair_accuracy"], peer)
        for seed, (a, b) in zip(seeds, both, strict=True)
    ]
    a, b = summarise(ours), summarise(trl)
    whole = f"{_count(seeds)}, {a['rankings']} rankings, {a['pairs']} pairs"
    found.append(_accuracy(f"held-out pair accuracy, {whole}", a["pair_accuracy"], b["pair_accuracy"], peer))
    # Too few rankings have no interval.
    for name, our_end, their_end in zip(
        ("lower", "upper"), a["pair_accuracy_interval"] or (), b["pair_accuracy_interval"] or (), strict=False
    ):
        found.append(_accuracy(f"{name} end of its 95% interval", our_end, their_end, peer))
    paired = compare(ours, trl)
    found.append(_points("ours less TRL's", paired["difference"]))
    for name, end in zip(("lower", "upper"), paired["interval"] or (), strict=False):
        found.append(_points(f"{name} end of its paired 95% interval", end))
    if len(seeds) > 1:
        differences = [x["pair_accuracy"] - y["pair_accuracy"] for x, y in both]
        found.append(_points("standard deviation of the difference over seeds", float(np.std(differences, ddof=1))))
    return [*found, *_costs(seeds, peer)]


def _count(seeds: list[Seed]) -> str:
    return f"all {FOLDS} seeds" if len(seeds) == FOLDS else " and ".join(f"seed {one.seed} alone" for one in seeds)


def _costs(seeds: list[Seed], peer: str) -> list[Measure]:
    ours, theirs = sum(one.ours.seconds for one in seeds), sum(one.trl.seconds for one in seeds)
    steps = Measure(
        name=f"training, {_count(seeds)}", value=ours, unit="s", better="less", peer=peer, peer_value=theirs
    )
    padding = sum(one.reading["padding"] for one in seeds) / len(seeds)
    found = [
        steps,
        Measure(name="padding among the tokens of our training", value=100 * padding, unit="%", better="less"),
    ]
    waiting = [one.waiting for one in seeds if one.waiting is not None]
    if waiting:
        found.append(
            Measure(name="our training waits for data", value=100 * sum(waiting) / ours, unit="%", better="less")
        )
    return found


def _accuracy(name: str, ours: float, theirs: float, peer: str) -> Measure:
    return Measure(name=name, value=100 * ours, unit="%", better="more", peer=peer, peer_value=100 * theirs)


def _points(name: str, value: float) -> Measure:
    return Measure(name=name, value=100 * value, unit="points", better="more")


def _rankings(*, quick: bool) -> list[oasst.RankedReplies]:
    found = oasst.read(TREES)
    short = [one for one in found if len(one.messages) == 1 and max(map(len, one.replies)) < 400]
    return short[:16] if quick else found


def _seed(seed: int, rankings: list[oasst.RankedReplies]) -> Seed:
    trees = sorted({one.tree for one in rankings})
    Random(0).shuffle(trees)
    held_out = set(trees[seed::FOLDS])
    with tempfile.TemporaryDirectory(dir=ROOT / "var") as name:
        directory = Path(name)
        model, renderer = load_base_model(str(BASE), max_length=MAX_LENGTH, seed=seed)
        model.save_pretrained(directory / "base")
        renderer.tokenizer.save_pretrained(directory / "base")
        del model
        splits: dict[str, list[tuple[int, oasst.RankedReplies]]] = {"train": [], "valid": []}
        for number, one in enumerate(rankings, start=1):
            if _fits(renderer, one):
                splits["valid" if one.tree in held_out else "train"].append((number, one))
        oasst.write_snapshot(directory / "snapshot", splits)
        ours, metrics = _train_ours(directory, seed)
        trl = _train_trl(directory, seed, renderer, metrics["schedule"]["steps"])
        waiting = metrics["seconds"].get("waiting_for_data")
        return Seed(seed=seed, ours=ours, trl=trl, reading=metrics["prompt_reading"], waiting=waiting)


def _fits(renderer: Renderer, one: oasst.RankedReplies) -> bool:
    try:
        renderer.render([Message(role=each["role"], content=each["content"]) for each in one.messages], one.replies)
    except Refused:
        return False
    return True


def _train_ours(directory: Path, seed: int) -> tuple[Side, dict[str, Any]]:
    _command("train", "--data", directory / "snapshot", "--base", directory / "base", "--output", directory / "ours",
             "--rankings-per-batch", RANKINGS_PER_STEP, "--learning-rate", LEARNING_RATE, "--max-length", MAX_LENGTH,
             "--freeze-layers", FREEZE_LAYERS, "--dtype", "bfloat16", "--seed", seed)  # fmt: skip
    _command("evaluate", "--data", directory / "snapshot", "--model", directory / "ours",
             "--output", directory / "ours.json", "--split", "valid")  # fmt: skip
    metrics: dict[str, Any] = json.loads((directory / "ours" / "metrics.json").read_text())
    return Side(metrics["seconds"]["training"], read_outcomes(directory / "ours.json", "rankings")), metrics


def _command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "rm_trainer", *map(str, arguments)], cwd=ROOT, check=True)


def _train_trl(directory: Path, seed: int, renderer: Renderer, steps: int) -> Side:
    train, held_out = (_read(directory / "snapshot" / "rankings" / f"{split}.jsonl") for split in ("train", "valid"))
    pairs = [pair for ranking in train for pair in _pairs(ranking, renderer)]
    sequences = [_ids(ranking, renderer) for ranking in held_out]
    data = {"pairs": pairs, "held_out": [one for ranking in sequences for one in ranking]}
    (directory / "trl.json").write_text(json.dumps(data), encoding="utf-8")
    given = {
        "base": str(directory / "base"),
        "data": str(directory / "trl.json"),
        "freeze_layers": FREEZE_LAYERS,
        "learning_rate": LEARNING_RATE,
        "seed": seed,
        "pairs_per_batch": max(1, round(len(pairs) / steps / 4)),
        "batches_per_step": 4,
    }
    said = ask("benchmarks.training.trl_train", given, python=PEERS_PYTHON)
    print(f"seed {seed}: {steps} steps of ours, {said['steps']} of TRL's on {len(pairs)} pairs", flush=True)
    scores = iter(said["scores"])
    return Side(said["seconds"], [_outcome(ranking, [next(scores) for _ in ranking.ranks]) for ranking in held_out])


def _read(path: Path) -> list[Ranking]:
    rankings = [parse_ranking(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [ranking for ranking in rankings if len(set(ranking.ranks)) > 1]


def _ids(ranking: Ranking, renderer: Renderer) -> list[list[int]]:
    return [sequence.tolist() for sequence in renderer.render(ranking.prompt, ranking.completions).sequences()]


def _pairs(ranking: Ranking, renderer: Renderer) -> list[dict[str, list[int]]]:
    ids = list(zip(_ids(ranking, renderer), ranking.ranks, strict=True))
    return [{"chosen_ids": a, "rejected_ids": b} for a, rank in ids for b, other in ids if rank < other]


def _outcome(ranking: Ranking, scores: list[float]) -> Outcome:
    margins = [
        a - b
        for a, rank in zip(scores, ranking.ranks, strict=True)
        for b, other in zip(scores, ranking.ranks, strict=True)
        if rank < other
    ]
    return Outcome(
        ranking_id=ranking.ranking_id,
        prompt_id=ranking.prompt_id,
        completion_ids=ranking.completion_ids,
        rewards=tuple(scores),
        pairs=len(margins),
        correct=sum((margin > 0) + 0.5 * (margin == 0) for margin in margins),
        log_loss=float(sum(np.log1p(np.exp(-margin)) for margin in margins)),
    )


if __name__ == "__main__":
    command.run(main)
