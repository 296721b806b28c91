"""Open-Assistant's rankings through the whole product: import, label, export, train, evaluate.

    python -m benchmarks.open_assistant [--quick]

The trees become an import file of prompts with ready ranking tasks, their submitter being the tree, so that no tree is
in two splits. The import refuses what its rules refuse (near-duplicates: turns of one tree that begin alike). Lists of
two or three replies are filled up to four by a repetition, which the import counts once. A labeler then claims every
task and hands in the ranks that people gave, through the services that the pages call; `write_snapshot` exports, and
`python -m rm_trainer train` and `evaluate` do the rest. The splits are the product's own: 80, 10 and 10% of the trees.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import command
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord
from benchmarks.reward_quality import BASE, TREES
from benchmarks.training import oasst
from sampler.demo_model import DemoModelUnavailable, make_demo_model

IMPORT_LOWEST = 4
TRAINING = ("--rankings-per-batch", "8", "--learning-rate", "3e-5", "--max-length", "512", "--freeze-embeddings")


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Some minutes; --quick freezes all but one layer and takes the short rankings only."""
    if not TREES.exists():
        print(f"{TREES} is not here, so nothing was measured. OASST_TREES names another place.")
        return []
    try:
        make_demo_model(BASE)
    except DemoModelUnavailable as unavailable:
        print(f"{unavailable} Nothing was measured.")
        return []
    rankings = [one for one in oasst.read(TREES) if not quick or sum(map(len, one.replies)) < 1000]
    with scratch_concord(), tempfile.TemporaryDirectory(dir=ROOT / "var") as name:
        directory = Path(name)
        counts = label(rankings, directory / "snapshot")
        freeze = ("--freeze-layers", "17") if quick else ()
        _command("train", "--data", directory / "snapshot", "--base", BASE, "--output", directory / "model",
                 *TRAINING, *freeze)  # fmt: skip
        said = {split: _evaluate(directory, split) for split in ("train", "valid", "test")}
        metrics: dict[str, Any] = json.loads((directory / "model" / "metrics.json").read_text())
    return _measures(counts, said, metrics)


def label(rankings: list[oasst.RankedReplies], snapshot: Path) -> dict[str, int]:
    """Imports the rankings, hands them in as a labeler and exports them; returns how many came through each gate."""
    # Django is set up by now.
    from labeling.export import write_snapshot  # noqa: PLC0415
    from labeling.ingest.importing import import_rows  # noqa: PLC0415
    from labeling.ingest.reading import read_prompts  # noqa: PLC0415
    from labeling.models import Completion, Labeler  # noqa: PLC0415
    from labeling.services.assignments import claim_ranking  # noqa: PLC0415
    from labeling.services.campaigns import change_campaign_state, create_campaign  # noqa: PLC0415
    from labeling.services.instructions import acknowledge  # noqa: PLC0415
    from labeling.services.labelers import create_labeler  # noqa: PLC0415
    from labeling.services.rankings import Judgement, submit_ranking  # noqa: PLC0415
    from labeling.starter_campaign import starter_flags, starter_instructions  # noqa: PLC0415
    from labeling.states import CampaignState, LabelerState  # noqa: PLC0415

    campaign = create_campaign(
        slug="open-assistant",
        name="Open-Assistant",
        languages=["en"],
        instructions=starter_instructions(),
        flags=starter_flags(),
        rankings_per_task=1,
        ready_depth=0,
    )
    file = io.BytesIO("".join(json.dumps(_line(one), ensure_ascii=False) + "\n" for one in rankings).encode())
    result = import_rows(campaign, read_prompts(file, filename="trees.jsonl"), keep_good=True)
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    labeler: Labeler = create_labeler(
        username="open-assistant", password=None, languages=["en"], state=LabelerState.ACTIVE
    )
    acknowledge(labeler=labeler, instruction_version=campaign.instruction_versions.get())
    handed_in = 0
    ranks = {
        _key(one.messages, text): rank for one in rankings for text, rank in zip(one.replies, one.ranks, strict=True)
    }
    while (assignment := claim_ranking(labeler=labeler)) is not None:
        assert assignment.task is not None  # a ranking has its task
        texts = dict(Completion.objects.filter(task=assignment.task).values_list("pk", "text"))
        messages = assignment.task.prompt.messages
        judgements = [
            Judgement(shown_position=position, rank=ranks[_key(messages, texts[completion])])
            for position, completion in enumerate(assignment.shown_order, start=1)
        ]
        submit_ranking(labeler=labeler, token=str(assignment.token), judgements=judgements, active_seconds=0)
        handed_in += 1
    manifest = write_snapshot(snapshot, kinds=["rankings"])
    exported = sum(counts["rankings"] for counts in manifest.counts.values())
    if exported != handed_in or handed_in != result.ranking_tasks:
        raise RuntimeError(
            f"{result.ranking_tasks} tasks, {handed_in} handed in and {exported} exported: some are lost."
        )
    return {"in the trees": len(rankings), "imported": result.ranking_tasks, "refused": len(result.refused)}


def _key(messages: Sequence[Mapping[str, str]], text: str) -> tuple[str, ...]:
    """A reply's place in the trees, whatever an import does to white space."""
    return tuple(" ".join(part.split()) for part in (*(message["content"] for message in messages), text))


def _line(one: oasst.RankedReplies) -> dict[str, Any]:
    missing = max(0, IMPORT_LOWEST - len(one.replies))
    texts = (*one.replies, *(one.replies[-1:] * missing))
    return {
        "messages": list(one.messages),
        "submitter": one.tree,
        "language": "en",
        "use_case": "other",
        "completions": [{"text": text, "model": "open-assistant"} for text in texts],
    }


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
        low, high = one["pair_accuracy_interval"]
        name = f"pair accuracy, {split}, {one['rankings']} rankings, {one['pairs']} pairs"
        found += [
            Measure(name=name, value=100 * one["pair_accuracy"], unit="%", better="more"),
            Measure(name=f"lower end of its 95% interval, {split}", value=100 * low, unit="%", better="more"),
            Measure(name=f"upper end of its 95% interval, {split}", value=100 * high, unit="%", better="more"),
            Measure(name=f"log loss, {split}", value=one["log_loss"], unit="nats", better="less"),
        ]
    return [*found, Measure(name="training", value=metrics["seconds"]["training"], unit="s", better="less")]


if __name__ == "__main__":
    command.run(main)
