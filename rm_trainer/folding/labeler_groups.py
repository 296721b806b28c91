"""Which labelers go into which fold. Pure."""

from collections import Counter
from collections.abc import Mapping

from lm.errors import Refused


def labeler_groups(pairs: Mapping[str, int], *, folds: int) -> list[list[str]]:
    """`folds` groups of labelers with about equally many pairs: the labeler with the most goes first, each into the
    group that has the least so far. Raises Refused where there are fewer labelers than folds.

    >>> labeler_groups({"L1": 50, "L2": 30, "L3": 20, "L4": 5}, folds=2)
    [['L1'], ['L2', 'L3', 'L4']]
    """
    if len(pairs) < folds:
        raise Refused(_too_few(len(pairs), folds))
    groups: list[list[str]] = [[] for _ in range(folds)]
    sizes = Counter(dict.fromkeys(range(folds), 0))
    for labeler in sorted(pairs, key=lambda one: (-pairs[one], one)):
        smallest = min(range(folds), key=lambda group: (sizes[group], len(groups[group]), group))
        groups[smallest].append(labeler)
        sizes[smallest] += pairs[labeler]
    return groups


def _too_few(labelers: int, folds: int) -> str:
    if labelers < 2:
        return (
            f"The snapshot's rankings come from {labelers or 'no known'} labeler, so there is nobody to hold out: "
            f"folds over labelers need at least two. Collect rankings from more people and export again."
        )
    return f"--folds {folds} needs {folds} labelers and the snapshot has {labelers}. Give --folds {labelers} or fewer."
