"""One optimizer step, a prompt with K completions, against TRL's RewardTrainer on all of its pairs.

    python -m benchmarks.train_step [--quick] [--only TEXT]

Every side is a process of its own with the same random weights, tokens, precision and recomputation of activations.
TRL runs in the peers' virtual environment; it is given all K(K−1)/2 pairs of the ranking, parted into batches of about
its default size of 8 pairs where they fit into memory. The other peer reads the K full sequences once each, through
plain transformers. A step is one of 64 prompts, as InstructGPT's: a prompt's gradients, clipped, and a 64th of
AdamW, each the fastest of a few. Ours and full sequences have up to 2,048 tokens in memory at a time, our default, or
one prompt's if those are more; TRL's batches have more. Memory is the process's high-water mark, libraries included.
The model's shape is that of Gemma 3 270M with frozen embeddings; with --quick it is a thousand times smaller.
"""

from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.training.side import GIBIBYTE, PEERS_PYTHON, Answer, Task, measure

OURS, TRL_STEP = "benchmarks.training.our_step", "benchmarks.training.trl_step"
SIZES = ((4, 128, 64, 6), (9, 128, 64, 6), (9, 512, 128, 4))
"""K, tokens of the prompt, tokens of a completion, and TRL's pairs a batch."""


@dataclass(frozen=True)
class Row:
    task: Task
    full: bool = True
    """Whether K full sequences are measured, too."""
    defaults: bool = False

    @property
    def name(self) -> str:
        recomputed = "activations recomputed" if self.task.checkpointing else "activations kept"
        whose = ", TRL's defaults" if self.defaults else ""
        return f"{self.task.tokens}, {self.task.dtype}, {recomputed}{whose}"


def rows(*, quick: bool) -> list[Row]:
    if quick:
        small = Task(k=4, prompt=40, completion=20, dtype="float32", pairs_per_batch=6, small=True)
        return [Row(task=small)]
    kept = [Row(task=_task(size, dtype)) for dtype in ("bfloat16", "float32") for size in SIZES]
    recomputed = [_task(size, "bfloat16", checkpointing=True) for size in SIZES]
    return [*kept, *(Row(task=task, full=False, defaults=True) for task in recomputed)]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Measures the rows whose name contains `only`. All of them take half an hour and up to 16 GiB."""
    return [each for row in rows(quick=quick) if only in row.name for each in _measured(row)]


def _measured(row: Row) -> list[Measure]:
    task = row.task
    ours = measure(OURS, task, way="ours")
    theirs = measure(TRL_STEP, task, python=PEERS_PYTHON)
    found = _compared(
        row, ours, "TRL", f"TRL {trl_version()}, {task.pairs} pairs, {task.pairs_per_batch} a batch", theirs
    )
    if row.full:
        plain = f"{task.k} full sequences"
        found += _compared(row, ours, plain, f"transformers, {plain}", measure(OURS, task, way="full"))
    return found


def _compared(row: Row, ours: Answer, name: str, peer: str, theirs: Answer) -> list[Measure]:
    """Raises RuntimeError when they did different work."""
    if abs(ours.loss - theirs.loss) > 0.02:
        raise RuntimeError(f"The losses differ, {ours} and {theirs}: the figures would compare different work.")
    seconds = Measure(
        name=f"step a prompt against {name}, {row.name}",
        value=ours.a_prompt,
        unit="s",
        better="less",
        peer=peer,
        peer_value=theirs.a_prompt,
    )
    memory = Measure(
        name=f"peak memory against {name}, {row.name}",
        value=ours.peak / GIBIBYTE,
        unit="GiB",
        better="less",
        peer=peer,
        peer_value=theirs.peak / GIBIBYTE,
    )
    return [seconds, memory]


def _task(size: tuple[int, int, int, int], dtype: str, *, checkpointing: bool = False) -> Task:
    k, prompt, completion, pairs = size
    steps = 1 if prompt == 512 else 3 if k == 4 else 2  # one of TRL's takes minutes
    return Task(
        k=k,
        prompt=prompt,
        completion=completion,
        dtype=dtype,
        checkpointing=checkpointing,
        pairs_per_batch=pairs,
        steps=steps,
    )


def trl_version(python: Path = PEERS_PYTHON) -> str:
    packages = python.parent.parent.glob("lib/python*/site-packages")
    found = distributions(name="trl", path=[str(one) for one in packages])
    return next((one.version for one in found), "?")


if __name__ == "__main__":
    command.run(main)
