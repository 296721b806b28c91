"""Which completions are generated together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sampler.protocol import SampleRequest


@dataclass(frozen=True)
class Row:
    """One completion to be sampled: number `index` of request number `request_index`."""

    request_index: int
    index: int
    request: SampleRequest
    prompt: Sequence[int]
    """Token ids."""

    @property
    def seed(self) -> int:
        return self.request.seed + self.index


def rows_of(requests: Sequence[SampleRequest], prompts: Sequence[Sequence[int]]) -> list[Row]:
    """A row per completion, in the requests' order."""
    return [
        Row(request_index=number, index=index, request=request, prompt=prompt)
        for number, (request, prompt) in enumerate(zip(requests, prompts, strict=True))
        for index in range(request.num_completions)
    ]


def batches_of(rows: Sequence[Row], *, max_tokens: int) -> list[list[Row]]:
    """Batches whose rows share max_new_tokens and have prompts of similar length, so that little is padded.

    Prompts with padding and new tokens together stay within `max_tokens` per batch; a row that is longer goes alone.
    Rows with different max_new_tokens are kept apart, because a row that has ended is padded until its batch ends, and
    that could run past the positions that the model knows.
    """
    ordered = sorted(rows, key=lambda row: (row.request.max_new_tokens, len(row.prompt)))
    batches = []
    for max_new_tokens, group in groupby(ordered, key=lambda row: row.request.max_new_tokens):
        batch: list[Row] = []
        for row in group:  # ascending, so that the newest row is the widest
            if batch and (len(batch) + 1) * (len(row.prompt) + max_new_tokens) > max_tokens:
                batches.append(batch)
                batch = []
            batch.append(row)
        batches.append(batch)
    return batches
