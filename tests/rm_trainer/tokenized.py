"""Rankings with their tokens, in memory."""

from collections.abc import Iterable

from lm.rendering import Renderer
from lm.snapshot.records.rankings import parse_ranking
from rm_trainer.token_file import TokenizedRanking
from tests.lm.snapshots import Record


def tokenized(records: Iterable[Record], renderer: Renderer) -> list[TokenizedRanking]:
    """The records in memory, without a snapshot and without a cache."""
    rankings = [parse_ranking(record) for record in records]
    return [TokenizedRanking(one, renderer.render(one.prompt, one.completions)) for one in rankings]
