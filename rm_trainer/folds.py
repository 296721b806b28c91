"""`python -m rm_trainer folds`: how well a reward model carries over to labelers on whose rankings it was not trained.

    python -m rm_trainer folds --data SNAPSHOT --base MODEL --output DIR --folds 5

InstructGPT §4.1: labelers are put into five groups with about equally much data, and five models are trained, each
without one group. They agreed with the labelers they were trained on on 72.4 ± 0.4% of the pairs and with those of the
group left out on 69.6 ± 0.9%. Both are measured on the valid split here, so that neither model saw a prompt before.

The same command goes on where it was stopped: a fold that is done is skipped, one in the middle goes on from its
latest checkpoint (--checkpoint-every). Data and models of a fold are removed when it is measured; what stays is
fold-N/own.json and held_out.json (as `evaluate` writes them), fold-N/fold.json, and folds.json for the whole.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lm.atomic_files import write_json_file
from lm.errors import Refused
from lm.progress import Progress
from lm.snapshot.reading import open_snapshot
from lm.training.output import sole_writer
from rm_trainer.arguments import EvaluateArguments, FoldsArguments, TrainArguments
from rm_trainer.evaluate import evaluate
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.folding.labeler_groups import labeler_groups
from rm_trainer.folding.leaving_out import leave_out, pairs_by_labeler
from rm_trainer.folding.pooled import pooled
from rm_trainer.train import train

SPLITS = {"own": "valid", "held_out": "held_out"}


def folds(arguments: FoldsArguments, progress: Progress) -> None:
    """Leaves folds.json in `output`. Raises Refused with fewer labelers than folds, Failed as `train` does."""
    snapshot = open_snapshot(arguments.data)
    groups = labeler_groups(pairs_by_labeler(snapshot), folds=arguments.folds)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with sole_writer(arguments.output):
        _keep_plan(arguments, {"snapshot_sha256": snapshot.sha256, "groups": groups})
        for number, held_out in enumerate(groups, start=1):
            fold = arguments.output / f"fold-{number}"
            if (fold / "fold.json").exists():
                progress.note(f"Fold {number} is done already.")
            else:
                progress.note(f"Fold {number} of {len(groups)}: without {', '.join(held_out)}.")
                leave_out(snapshot, fold / "data", held_out)
                if not (fold / "model").exists():
                    train(_training(arguments, fold), Progress(progress.style))
                judged = {name: _judge(arguments, fold, name, progress) for name in SPLITS}
                metrics = {name: None if one is None else one["metrics"] for name, one in judged.items()}
                write_json_file(fold / "fold.json", {"number": number, "labelers": held_out, **metrics})
            shutil.rmtree(fold / "data", ignore_errors=True)
            shutil.rmtree(fold / "model", ignore_errors=True)
        _write_summary(arguments, snapshot.sha256, len(groups))
    progress.done(arguments.output)


def _training(arguments: FoldsArguments, fold: Path) -> TrainArguments:
    """The same training for each fold. Rewards are only compared, so their level and demonstrations don't matter."""
    options = {field.name: getattr(arguments, field.name) for field in fields(TrainArguments)}
    return TrainArguments(**options | {"data": fold / "data", "output": fold / "model", "demonstrations": None})


def _judge(arguments: FoldsArguments, fold: Path, name: str, progress: Progress) -> dict[str, Any] | None:
    """The evaluation on the part's valid rankings; None where it has none with a pair."""
    output = fold / f"{name}.json"
    try:
        evaluate(
            EvaluateArguments(
                data=fold / "data", model=fold / "model", split=SPLITS[name], output=output, seed=arguments.seed,
                device=arguments.device, threads=arguments.threads, dtype=arguments.dtype,
                tokens_per_microbatch=arguments.tokens_per_microbatch, cache_directory=arguments.cache_directory,
            ),
            progress,
        )  # fmt: skip
    except Refused as nothing:
        progress.note(f"{fold.name}: nothing to measure on {name.replace('_', '-')} labelers. {nothing}")
        return None
    return _read(output)


def _write_summary(arguments: FoldsArguments, snapshot_sha256: str, count: int) -> None:
    directories = [arguments.output / f"fold-{number}" for number in range(1, count + 1)]
    judged = {name: [_outcomes(fold / f"{name}.json") for fold in directories] for name in SPLITS}
    content = {
        "schema": 1,
        "base": arguments.base,
        "snapshot_sha256": snapshot_sha256,
        "seed": arguments.seed,
        "folds": [_read(fold / "fold.json") for fold in directories],
        **pooled(judged["own"], judged["held_out"], seed=arguments.seed),
    }
    write_json_file(arguments.output / "folds.json", content)


def _keep_plan(arguments: FoldsArguments, what: dict[str, Any]) -> None:
    """Raises Refused when the directory holds the folds of other options or data."""
    name = hashlib.sha256(json.dumps([arguments.of_the_run(), what], sort_keys=True).encode()).hexdigest()
    path = arguments.output / "plan.json"
    if not path.exists():
        if any(arguments.output.iterdir()):
            raise Refused(f"{arguments.output} is not empty and holds no folds. Give another --output.")
        write_json_file(path, {"run": name, **what})
    elif _read(path).get("run") != name:
        raise Refused(
            f"{arguments.output} holds the folds of other options or other data. Go on with those, or give another "
            f"--output."
        )


def _outcomes(path: Path) -> Sequence[Outcome]:
    return [Outcome(**one) for one in _read(path)["rankings"]] if path.exists() else []


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
