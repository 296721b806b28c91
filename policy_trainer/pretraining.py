"""Pretraining text, which SFT and PPO mix in so that the policy does not forget it (InstructGPT §3.5).

Plain files of a directory, in the order of their names, become one stream of tokens, with the end of sequence behind
each file; it is cut into rows of equal length. Which rows a step gets is a function of its number alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from lm.errors import Refused
from lm.prompt_format import Message
from lm.snapshot.openings import normalise
from lm.snapshot.reading import Snapshot
from lm.training.batches import endless_numbers
from policy_trainer.model import Policy
from policy_trainer.prompts import MEASURED_ON

SAME_WORDS = 13
"""So many words in a row that a prompt and the text share make the prompt known (Brown et al. 2020, appendix C)."""
_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


@dataclass(frozen=True)
class PretrainingText:
    """Rows of tokens [length] int32, the last of them maybe shorter. `source` says for people where they are from."""

    rows: list[Tensor]
    source: str
    seed: int

    @cached_property
    def sha256(self) -> str:
        """Of all rows."""
        return sha256(b"|".join(row.numpy().tobytes() for row in self.rows)).hexdigest()

    def take(self, *, first: int, size: int) -> list[Tensor]:
        """Rows `first` … `first + size − 1` of an endless sequence."""
        return [self.rows[number] for number in endless_numbers(len(self.rows), first=first, size=size, seed=self.seed)]


def read_pretraining(
    directory: Path | None, policy: Policy, *, length: int, seed: int, instead: Sequence[Tensor], snapshot: Snapshot
) -> PretrainingText:
    """The text of a directory's files; without a directory the sequences `instead`, each cut into rows.

    Raises Refused for a directory without text, a file that isn't UTF-8, and text that holds prompts to be measured on.
    """
    length = min(length, policy.renderer.max_length)
    if directory is None:
        rows = [row for one in instead for row in torch.split(one, length)]
        return _checked(rows, "the demonstrations' own texts, since no --pretraining was given", seed)
    files = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
    texts = [_read(path) for path in files]
    _refuse_known(files, texts, snapshot)
    end = policy.renderer.tokenizer.eos_token_id
    stream: list[int] = []
    for text in texts:
        stream += [*policy.renderer.conversations.text_ids(text), *([] if end is None else [end])]
    return _checked(list(torch.split(torch.tensor(stream, dtype=torch.int32), length)), str(directory), seed)


def _checked(rows: Iterable[Tensor], source: str, seed: int) -> PretrainingText:
    long_enough = [row for row in rows if len(row) > 1]
    if not long_enough:
        raise Refused(f"There is no pretraining text in {source}. Give a directory of plain files as --pretraining.")
    return PretrainingText(long_enough, source, seed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} can't be read as UTF-8 text ({error}). Take it out of --pretraining.") from error


def _refuse_known(files: Sequence[Path], texts: Sequence[str], snapshot: Snapshot) -> None:
    """Raises Refused where a file shares SAME_WORDS words in a row with a prompt that is measured on."""
    known = {run for split in MEASURED_ON for prompt in snapshot.prompts(split) for run in _runs(_words(prompt))}
    found = [path for path, text in zip(files, texts, strict=True) if known and not known.isdisjoint(_runs(text))]
    if found:
        raise Refused(
            f"{len(found)} files of --pretraining hold {SAME_WORDS} words in a row of prompts that are measured on "
            f"(first: {found[0]}). Take them out."
        )


def _words(prompt: Sequence[Message]) -> str:
    return " ".join(message["content"] for message in prompt)


def _runs(text: str) -> set[int]:
    """Hashes of all runs of SAME_WORDS words; a character of a script without spaces is one."""
    words = _WORD.findall(normalise(text))
    return {hash(tuple(words[start : start + SAME_WORDS])) for start in range(len(words) - SAME_WORDS + 1)}
