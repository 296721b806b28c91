"""`python -m rm_trainer score`: rewards for completions, one JSON object a line.

    echo '{"prompt": [{"role": "user", "content": "Hi"}], "completion": "Hello!"}' | \\
        python -m rm_trainer score --model DIR --input - --output -

A line keeps all its keys and gets "reward": the network's output plus the model's stored bias, so 0 means as good as
the demonstrations that it was trained with. One that has a "reward" already is refused. Lines of one batch that have
the same prompt have it read once.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lm.atomic_files import write_text_file
from lm.errors import Refused
from lm.json_lines import object_of
from lm.progress import Progress
from lm.snapshot.records.prompts import parse_prompt_and_completion
from lm.words import counted
from rm_trainer.arguments import ScoreArguments
from rm_trainer.protocol import Item, Scored
from rm_trainer.scorer import Scorer

REWARD = "reward"
Line = tuple[int, dict[str, Any], Item]


def score(arguments: ScoreArguments, progress: Progress) -> None:
    """Reads, scores and writes batch by batch. Raises Refused with the line's number; no file is written then."""
    lines = _open_lines(arguments.input)
    scorer = Scorer.load(
        arguments.model.as_posix(),
        batch_size=arguments.batch_size,
        runtime=arguments,
        dtype=arguments.dtype,
        max_length=arguments.max_length,
    )
    scored = _scored(scorer, lines, size=arguments.batch_size, progress=progress)
    if arguments.output == "-":
        for line in scored:
            print(line, end="", flush=True)
    else:
        write_text_file(Path(arguments.output), scored)


def _open_lines(source: str) -> Iterable[bytes]:
    if source == "-":
        return sys.stdin.buffer
    if not Path(source).is_file():
        raise Refused(f"{source} does not exist. Give a JSONL file, or - for standard input.")
    return Path(source).open("rb")


def _scored(scorer: Scorer, lines: Iterable[bytes], *, size: int, progress: Progress) -> Iterator[str]:
    shortened, unread = 0, list[int]()
    records = (_read(number, line) for number, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(records, size)):
        scores = scorer.score([item for _, _, item in batch])
        shortened += sum(each.dropped > 0 for each in scores)
        unread += [number for (number, _, _), each in zip(batch, scores, strict=True) if each.unread]
        for (number, record, _), each in zip(batch, scores, strict=True):
            yield json.dumps({**record, REWARD: _reward(number, each)}, ensure_ascii=False) + "\n"
    if shortened:
        limit = scorer.renderer.max_length
        over = counted(shortened, "prompt was", "prompts were")
        progress.note(f"{over} over {limit} tokens and lost tokens at the start.")
    if unread:
        progress.note(
            f"Of {counted(len(unread), 'line', 'lines')} the chat template leaves text out, so the model did not read "
            f"it and the rewards don't depend on it (first: line {unread[0]})."
        )


def _read(number: int, line: bytes) -> Line:
    try:
        record = object_of(line)
        _refuse_rewarded(record)
        prompt, completion = parse_prompt_and_completion(record)
    except Refused as error:
        raise Refused(f"Line {number} of the input can't be scored: {str(error).rstrip('.')}.") from error
    return number, record, Item(prompt, completion)


def _refuse_rewarded(record: dict[str, Any]) -> None:
    if REWARD in record:
        raise Refused(f'it has a "{REWARD}" already, which would be overwritten; take it out or rename it')


def _reward(number: int, scored: Scored) -> float:
    if scored.reward is None:
        raise Refused(f"Line {number} of the input can't be scored: {scored.problem}.")
    return scored.reward
