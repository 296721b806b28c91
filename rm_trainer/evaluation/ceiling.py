"""How often labelers agree with each other on the same completions: no model can be expected to agree more. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from lm.snapshot.records.constants import FEWEST_PAIRS
from rm_trainer.evaluation.bootstrap import RESAMPLES, interval, places, resampled, sums
from rm_trainer.evaluation.figures import Ceiling
from rm_trainer.evaluation.metrics import Outcome, summarise


def ceiling(outcomes: Sequence[Outcome], *, samples: int = RESAMPLES, seed: int = 0) -> Ceiling:
    """Agreement of pairs of labelers on shared tasks (Stiennon et al. 2020, C.2): the share of the pairs of
    completions in which both prefer the same one, without those about which either is indifferent.

    `standard_error` and the interval are a bootstrap's over prompts. `model`: the model's metrics on those rankings.
    """
    shared = _shared(outcomes)
    votes = [(one.prompt_id, same, pairs) for one, other in _couples(shared) for same, pairs in [_agree(one, other)]]
    pairs = sum(count for _, _, count in votes)
    if pairs < FEWEST_PAIRS:
        note = f"Not enough shared tasks: {len(shared)} with {pairs} pairs that two labelers both ordered, "
        note += f"and {FEWEST_PAIRS} are the fewest that say something."
        return {"tasks": len(shared), "pairs": pairs, "agreement": None, "agreement_interval": None,
                "standard_error": None, "model": None, "note": note}  # fmt: skip
    per_prompt = sums(places([one[0] for one in votes]), [one[1] for one in votes], [one[2] for one in votes])
    drawn = resampled(per_prompt, samples=max(samples, RESAMPLES), seed=seed)
    drawn = drawn[drawn[:, 1] > 0]
    ranked = [one for task in shared for one in task]
    return {
        "tasks": len(shared),
        "pairs": pairs,
        "agreement": float(per_prompt[:, 0].sum() / pairs),
        "agreement_interval": interval(drawn[:, 0] / drawn[:, 1]),
        "standard_error": float((drawn[:, 0] / drawn[:, 1]).std()),
        "model": summarise(ranked, bootstrap_samples=samples, seed=seed),
        "note": None,
    }


def in_words(made: Ceiling) -> str:
    """One sentence that puts the ceiling beside the model."""
    if made["agreement"] is None or made["model"] is None:
        return str(made["note"])
    error = f" ± {made['standard_error']:.1%}" if made["agreement_interval"] else ""
    return (
        f"Labelers agree with each other on {made['agreement']:.1%}{error} of {made['pairs']} "
        f"pairs of {made['tasks']} shared tasks, and the model with them on {made['model']['pair_accuracy']:.1%} there."
    )


def _shared(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """The rankings of each task that at least two labelers ranked."""
    tasks: dict[int, dict[str, Outcome]] = defaultdict(dict)
    for one in outcomes:
        if one.task_id is not None and one.labeler:
            tasks[one.task_id][one.labeler] = one
    return [list(task.values()) for task in tasks.values() if len(task) > 1]


def _couples(shared: Sequence[Sequence[Outcome]]) -> Iterator[tuple[Outcome, Outcome]]:
    for task in shared:
        yield from combinations(task, 2)


def _agree(one: Outcome, other: Outcome) -> tuple[int, int]:
    """(pairs both order the same way, pairs both order); a completion that only one of them saw counts in neither."""
    mine, theirs = (dict(zip(each.completion_ids, each.ranks, strict=True)) for each in (one, other))
    orders = [
        (mine[a] - mine[b], theirs[a] - theirs[b]) for a, b in combinations(sorted(mine.keys() & theirs.keys()), 2)
    ]
    both = [(left > 0) == (right > 0) for left, right in orders if left and right]
    return sum(both), len(both)
