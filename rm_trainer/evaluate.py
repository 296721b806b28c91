"""`python -m rm_trainer evaluate`: how a reward model orders the completions of a snapshot's split.

    python -m rm_trainer evaluate --data SNAPSHOT --model DIR --split valid --output evaluation.json

The file holds the metrics and every ranking's rewards, so that two models' files on the same split can be compared
ranking by ranking. What a promotion goes by comes from two such files, the current model's first:

    python -m rm_trainer evaluate --data SNAPSHOT --model CURRENT --split test --newest-since TIME --output current.json
    python -m rm_trainer evaluate --data SNAPSHOT --model NEW --split test --newest-since TIME --output new.json \\
        --current current.json
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.atomic_files import write_json_file
from lm.errors import Failed, Refused
from lm.progress import Progress
from lm.rendering import Rendered, Renderer
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.training.dealing import own_parts
from lm.training.processes import ALONE, Processes
from lm.training.runtime import Runtime, prepare_runtime
from rm_trainer.arguments import EvaluateArguments
from rm_trainer.batches import Chosen, Group, parts, unique_tokens
from rm_trainer.evaluation.analysis import analyse
from rm_trainer.evaluation.ceiling import in_words
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.newest import SPLITS, newest_part, submitted_after
from rm_trainer.evaluation.paired import compare
from rm_trainer.evaluation.recency import parse_time, recent
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss
from rm_trainer.model import load_reward_model, reward_shift
from rm_trainer.read_ahead import ReadAhead
from rm_trainer.sharing.choice import score
from rm_trainer.stored import shortened, stored_rankings, with_pairs
from rm_trainer.token_cache import default_cache

AT_ONCE = 256
"""Rankings that are read from the disk at a time: some megabytes."""


def evaluate(arguments: EvaluateArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Writes `output`. Raises Refused when the split has no ranking with a usable pair."""
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes)
        snapshot = open_snapshot(arguments.data)
        model, renderer = load_reward_model(str(arguments.model), max_length=arguments.max_length)
        cache = arguments.cache_directory or default_cache()
        rankings = stored_rankings(snapshot, arguments.split, renderer, cache)
        groups = with_pairs(rankings)
        if not groups:
            raise Refused(_nothing_to_evaluate(snapshot, arguments.split, len(rankings)))
        fresh = _newest_batch(arguments, snapshot, renderer, cache)
        runtime.place(model)
    judge = partial(outcomes_of, model, runtime, tokens=arguments.tokens_per_microbatch)
    outcomes = judge(groups)
    newest = None if fresh is None else _judged(judge, fresh, outcomes)
    if not processes.first:
        return
    analysis = analyse(outcomes, recent=recent(arguments.data, arguments.newest_since), seed=arguments.seed)
    metrics = summarise(outcomes, bootstrap_samples=arguments.bootstrap_samples, seed=arguments.seed)
    write_json_file(
        arguments.output,
        {
            "schema": 1,
            "model": str(arguments.model),
            "snapshot_sha256": snapshot.sha256,
            "split": arguments.split,
            "reward_shift": reward_shift(model),
            **runtime.describe(),
            "metrics": {
                **metrics,
                "tied_rankings": len(rankings) - len(groups),
                **shortened(rankings, only_with_pairs=True),
            },
            "comparison": compare(
                outcomes, _current(arguments, "rankings"), confidence=arguments.confidence, seed=arguments.seed
            ),
            "analysis": analysis,
            "rankings": [_per_ranking(outcome, reward_shift(model)) for outcome in outcomes],
            "newest": None if newest is None else _newest_part(arguments, newest, reward_shift(model)),
        },
    )
    progress.note(
        f"Pair accuracy {metrics['pair_accuracy']:.3f} on {metrics['pairs']} pairs; all of it is in {arguments.output}."
    )
    progress.note(in_words(analysis["ceiling"]))


def _newest_batch(
    arguments: EvaluateArguments, snapshot: Snapshot, renderer: Renderer, cache: Path
) -> list[Sequence[Group]] | None:
    """The rankings of SPLITS that were handed in after --newest-since; None where nobody asks for them."""
    if arguments.newest_since is None:
        return None
    since = parse_time(arguments.newest_since)
    splits = [with_pairs(stored_rankings(snapshot, split, renderer, cache)) for split in SPLITS]
    return [submitted_after(groups, since) for groups in splits]


def _judged(
    judge: Callable[[Sequence[Group]], list[Outcome]], fresh: Sequence[Sequence[Group]], judged: Sequence[Outcome]
) -> list[Outcome]:
    """What was judged already is not read again."""
    known = {outcome.ranking_id: outcome for outcome in judged}
    ids = [[group.ranking.ranking_id for group in groups] for groups in fresh]
    for groups, names in zip(fresh, ids, strict=True):
        unknown = [place for place, name in enumerate(names) if name not in known]
        known |= {outcome.ranking_id: outcome for outcome in judge(Chosen(groups, unknown))} if unknown else {}
    return [known[name] for names in ids for name in names]


def _newest_part(arguments: EvaluateArguments, newest: Sequence[Outcome], shift: float) -> dict[str, Any]:
    assert arguments.newest_since is not None  # or there would be no newest
    return newest_part(
        arguments.newest_since,
        newest,
        _current(arguments, "newest", "rankings"),
        confidence=arguments.confidence,
        seed=arguments.seed,
        per_ranking=lambda outcome: _per_ranking(outcome, shift),
    )


def _current(arguments: EvaluateArguments, *keys: str) -> list[Outcome] | None:
    return None if arguments.current is None else read_outcomes(arguments.current, *keys)


def read_outcomes(path: Path, *keys: str) -> list[Outcome]:
    """Rankings that lie under the keys in a file that `evaluate` wrote. Raises Refused when they don't."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            found = found[key]
        return [Outcome(**one) for one in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{path} can't be read as an evaluation ({error}). Evaluate the model in use again, with the same options."
        ) from error


def outcomes_of(model: PreTrainedModel, runtime: Runtime, groups: Sequence[Group], *, tokens: int) -> list[Outcome]:
    """What the unshifted rewards say of each group; each must have a usable pair.

    As many go through the network at a time as have `tokens` together. Of what is on the disk AT_ONCE are in memory.
    """
    with ReadAhead(list(some) for some in parts(groups, AT_ONCE)) as read:
        return [outcome for some in read for outcome in _outcomes(model, runtime, some, tokens)]


def _outcomes(model: PreTrainedModel, runtime: Runtime, groups: Sequence[Group], tokens: int) -> list[Outcome]:
    rewards = rewards_of(model, runtime, [group.rendered for group in groups], tokens=tokens)
    margins = batch_margins(rewards, [group.ranks for group in groups])
    scores = torch.split(rewards, [len(group.ranks) for group in groups])
    return [
        Outcome(
            ranking_id=group.ranking.ranking_id,
            prompt_id=group.ranking.prompt_id,
            completion_ids=group.ranking.completion_ids,
            rewards=tuple(score.tolist()),
            pairs=margin.numel(),
            correct=float(correct_pairs(margin)),
            log_loss=float(ranking_loss(margin)) * margin.numel(),
            ranks=group.ranking.ranks,
            tokens=tuple(len(sequence) for sequence in group.rendered.sequences),
            use_case=group.ranking.use_case,
            language=group.ranking.language,
            policies=tuple(sorted({model for model in group.ranking.models if model})),
            task_id=group.ranking.task_id,
            labeler=group.ranking.labeler,
            submitted_at=group.ranking.submitted_at,
            strengths=group.ranking.strengths,
            qualities=group.ranking.qualities,
        )
        for group, score, margin in zip(groups, scores, margins, strict=True)
    ]


@torch.no_grad()
def rewards_of(model: PreTrainedModel, runtime: Runtime, rendered: Sequence[Rendered], *, tokens: int) -> Tensor:
    """Unshifted rewards of all sequences in order, on the CPU. Raises Failed when one isn't a number.

    Each process scores its share and learns the others' rewards.
    """
    lengths = [len(one.sequences) for one in rendered]
    rewards = torch.zeros(sum(lengths))
    places = torch.split(rewards, lengths)
    for part, counts in own_parts([unique_tokens(one) for one in rendered], budget=tokens, processes=runtime.processes):
        scored = score(model, runtime, [rendered[one] for one in part]).cpu()
        for one, own in zip(part, torch.split(scored, [lengths[one] for one in part]), strict=True):
            places[one].add_(own, alpha=int(counts))
    runtime.processes.add_up(rewards)
    if not rewards.isfinite().all():
        raise Failed(
            "The model gives a reward that is not a finite number. Its weights are broken, or the precision is too low."
        )
    return rewards


def _per_ranking(outcome: Outcome, shift: float) -> dict[str, Any]:
    return {**asdict(outcome), "rewards": [reward + shift for reward in outcome.rewards]}


def _nothing_to_evaluate(snapshot: Snapshot, split: str, rankings: int) -> str:
    if rankings:
        return f"All {rankings} rankings in the split {split} of {snapshot.directory} are ties."
    there = ", ".join(snapshot.splits("rankings")) or "none"
    return f"{snapshot.directory} has no rankings in the split {split} (it has: {there}). Give another --split."
