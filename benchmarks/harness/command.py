"""What every benchmark does when it is run: measure, show, record."""

import argparse
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness import machine
from benchmarks.harness.measure import Measure, json_line, table
from benchmarks.harness.page import with_figures

Benchmark = Callable[..., Sequence[Measure]]
"""`main(quick)`, or `main(quick, only)` where rows can be measured apart."""
RESULTS = machine.ROOT / "benchmarks" / "results"
PAGES = (machine.ROOT / "docs" / "benchmarks.md", machine.ROOT / "README.md")


def run(
    main: Benchmark, *, arguments: Sequence[str] | None = None, results: Path = RESULTS, pages: Sequence[Path] = PAGES
) -> None:
    """Runs `main(quick)` by the command line's wish; named after the file that `main` is written in.

    One that returns nothing has said why it could not measure, and leaves no record. Records go to NAME.jsonl and from
    there to the pages; those of a quick run, which compare with nothing, only to NAME.quick.jsonl, which git ignores.
    """
    parser = argparse.ArgumentParser(description=(inspect.getmodule(main).__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="A small size that ends within a minute.")
    in_rows = "only" in inspect.signature(main).parameters
    if in_rows:
        parser.add_argument("--only", default="", metavar="TEXT", help="Only the rows whose name holds TEXT.")
    given = parser.parse_args(arguments)
    quick: bool = given.quick
    name = Path(inspect.getfile(main)).stem
    # Asked before measuring: a commit made meanwhile is not what was measured.
    commit = machine.commit()
    busy_before = machine.busy_percent()
    measures = main(quick, given.only) if in_rows else main(quick)
    if not measures:  # it has said why
        return
    device = machine.processor() + machine.busy(max(busy_before, machine.busy_percent()))
    print(f"\n{name}{' (quick)' if quick else ''} on {device}, commit {commit}\n\n{table(measures)}\n", flush=True)
    record(measures, results / f"{name}{'.quick' if quick else ''}.jsonl", device=device, commit=commit)
    if not quick:
        for page in pages:
            page.write_text(with_figures(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def record(measures: Sequence[Measure], path: Path, *, device: str, commit: str) -> None:
    """Appends one line a measure; nothing that was measured before is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json_line(measure, device=device, commit=commit)}\n" for measure in measures)
