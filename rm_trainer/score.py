"""`python -m rm_trainer score`: rewards for completions, one JSON object a line.

    echo '{"prompt": [{"role": "user", "content": "Hi"}], "completion": "Hello!"}' | \\
        python -m rm_trainer score --model DIR --input - --output -

A line keeps all its keys and gets "reward": the network's output plus the model's stored shift, so 0 means as good as
the demonstrations that it was trained with.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rm_trainer.arguments import ScoreArguments
from rm_trainer.checkpoint import write_text_file
from rm_trainer.errors import Refused
from rm_trainer.evaluate import rewards_of
from rm_trainer.model import load_reward_model, reward_shift
from rm_trainer.precision import Runtime, prepare_runtime
from rm_trainer.progress import Progress
from rm_trainer.records import parse_prompt_and_completion
from rm_trainer.render import Rendered, Renderer

TOKENS_AT_ONCE = 8192
"""Of the lines of a batch as many are in the network at a time."""


def score(arguments: ScoreArguments, progress: Progress) -> None:
    """Reads, scores and writes batch by batch. Raises Refused with the line's number; no file is written then."""
    runtime = prepare_runtime(arguments, arguments.dtype)
    lines = _open_lines(arguments.input)
    model, renderer = load_reward_model(arguments.model.as_posix(), max_length=arguments.max_length)
    runtime.place(model)
    scored = _scored(model, renderer, runtime, lines, size=arguments.batch_size, progress=progress)
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


def _scored(
    model: PreTrainedModel,
    renderer: Renderer,
    runtime: Runtime,
    lines: Iterable[bytes],
    *,
    size: int,
    progress: Progress,
) -> Iterator[str]:
    shift, shortened = reward_shift(model), 0
    records = (_read(number, line, renderer) for number, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(records, size)):
        rewards = rewards_of(model, runtime, [rendered for _, rendered in batch], tokens=TOKENS_AT_ONCE)
        shortened += sum(rendered.dropped > 0 for _, rendered in batch)
        for (record, _), reward in zip(batch, rewards.tolist(), strict=True):
            yield json.dumps({**record, "reward": reward + shift}, ensure_ascii=False) + "\n"
    if shortened:
        progress.note(f"{shortened} prompts were over {renderer.max_length} tokens and lost tokens at their start.")


def _read(number: int, line: bytes, renderer: Renderer) -> tuple[dict[str, Any], Rendered]:
    try:
        record = json.loads(line)
        prompt, completion = parse_prompt_and_completion(record)
        rendered = renderer.render(prompt, [completion])
    except (ValueError, Refused) as error:
        raise Refused(f"Line {number} of the input can't be scored: {error}.") from error
    return record, rendered
