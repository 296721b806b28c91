"""Open-Assistant's rankings through the whole product: import, label, export, train, evaluate.

    python -m benchmarks.open_assistant [--quick]

The trees become an import file of prompts with ready ranking tasks, their submitter being the tree, so that no tree is
in two splits. The import refuses what its rules refuse (near-duplicates: turns of one tree that begin alike). Lists of
two or three replies are filled up to four by a repetition, which the import counts once. A labeler then claims every
task and hands in the ranks that people gave, through the services that the pages call; `write_snapshot` exports, and
`python -m rm_trainer train` and `evaluate` do the rest. The splits are the product's own: 80, 10 and 10% of the trees.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import command
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord
from benchmarks.reward_quality import BASE, TREES, trees_and_base_are_here
from benchmarks.training import oasst

TRAINING = ("--rankings-per-batch", "8", "--learning-rate", "3e-5", "--max-length", "1536", "--freeze-layers", "15")


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Some minutes; --quick freezes all but one layer and takes the short rankings only."""
    if not trees_and_base_are_here():
        return []
    rankings = [one for one in oasst.read(TREES) if not quick or sum(map(len, one.replies)) < 1000]
    with scratch_concord(), tempfile.TemporaryDirectory(dir=ROOT / "var") as name:
        from benchmarks.desk.trees import label  # noqa: PLC0415  (needs Django set up)

        directory = Path(name)
        counts = label(rankings, directory / "snapshot")
        freeze = ("--freeze-layers", "17") if quick else ()  # the last one given counts
        _command("train", "--data", directory / "snapshot", "--base", BASE, "--output", directory / "model",
                 *TRAINING, *freeze)  # fmt: skip
        said = {split: _evaluate(directory, split) for split in ("valid", "test")}
        metrics: dict[str, Any] = json.loads((directory / "model" / "metrics.json").read_text())
    return _measures(counts, said, metrics)


def _command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "rm_trainer", *map(str, arguments)], cwd=ROOT, check=True)


def _evaluate(directory: Path, split: str) -> dict[str, Any]:
    output = directory / f"{split}.json"
    _command("evaluate", "--data", directory / "snapshot", "--model", directory / "model", "--split", split,
             "--output", output)  # fmt: skip
    said: dict[str, Any] = json.loads(output.read_text())["metrics"]
    return said


def _measures(counts: dict[str, int], said: dict[str, dict[str, Any]], metrics: dict[str, Any]) -> list[Measure]:
    found = [
        Measure(name=f"rankings {name}", value=number, unit="rankings", better="more")
        for name, number in counts.items()
    ]
    for split, one in said.items():
        name = f"pair accuracy, {split}, {one['rankings']} rankings, {one['pairs']} pairs"
        found += [
            Measure(name=name, value=100 * one["pair_accuracy"], unit="%", better="more"),
            *(
                Measure(name=f"{end} end of its 95% interval, {split}", value=100 * bound, unit="%", better="more")
                for end, bound in zip(("lower", "upper"), one["pair_accuracy_interval"] or (), strict=False)
            ),
            Measure(name=f"log loss, {split}", value=one["log_loss"], unit="nats", better="less"),
        ]
    return [*found, Measure(name="training", value=metrics["seconds"]["training"], unit="s", better="less")]


if __name__ == "__main__":
    command.run(main)
