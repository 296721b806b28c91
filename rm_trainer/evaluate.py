"""`python -m rm_trainer evaluate`: how a reward model orders the completions of a snapshot's split.

    python -m rm_trainer evaluate --data SNAPSHOT --model DIR --split valid --output evaluation.json

The file holds the metrics and every ranking's rewards, so that two models' files on the same split can be compared
ranking by ranking.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rm_trainer.analysis import analyse
from rm_trainer.arguments import EvaluateArguments
from rm_trainer.batches import Group, parts, unique_tokens
from rm_trainer.ceiling import in_words
from rm_trainer.checkpoint import write_json_file
from rm_trainer.distributed.dealing import own_parts
from rm_trainer.distributed.ranks import ALONE, Ranks
from rm_trainer.errors import Failed, Refused
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss
from rm_trainer.metrics import Outcome, summarise
from rm_trainer.model import load_reward_model, reward_shift
from rm_trainer.paired import compare
from rm_trainer.precision import Runtime, prepare_runtime
from rm_trainer.progress import Progress
from rm_trainer.read_ahead import ReadAhead
from rm_trainer.recency import recent
from rm_trainer.render import Rendered
from rm_trainer.sharing.choice import score
from rm_trainer.snapshot import Snapshot, open_snapshot
from rm_trainer.stored import shortened, stored_rankings, with_pairs
from rm_trainer.token_cache import default_cache

AT_ONCE = 256
"""Rankings that are read from the disk at a time: some megabytes."""


def evaluate(arguments: EvaluateArguments, progress: Progress, ranks: Ranks = ALONE) -> None:
    """Writes `output`. Raises Refused when the split has no ranking with a usable pair."""
    with ranks.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, ranks)
        snapshot = open_snapshot(arguments.data)
        model, renderer = load_reward_model(str(arguments.model), max_length=arguments.max_length)
        rankings = stored_rankings(snapshot, arguments.split, renderer, arguments.cache_directory or default_cache())
        groups = with_pairs(rankings)
        if not groups:
            raise Refused(_nothing_to_evaluate(snapshot, arguments.split, len(rankings)))
        runtime.place(model)
    outcomes = outcomes_of(model, runtime, groups, tokens=arguments.tokens_per_microbatch)
    if not ranks.first:
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
            "comparison": None if arguments.current is None else compare(outcomes, read_outcomes(arguments.current)),
            "analysis": analysis,
            "rankings": [_per_ranking(outcome, reward_shift(model)) for outcome in outcomes],
        },
    )
    progress.note(
        f"Pair accuracy {metrics['pair_accuracy']:.3f} on {metrics['pairs']} pairs; all of it is in {arguments.output}."
    )
    progress.note(in_words(analysis["ceiling"]))


def read_outcomes(path: Path) -> list[Outcome]:
    """The rankings of a file that `evaluate` wrote. Raises Refused when it is none."""
    try:
        return [Outcome(**one) for one in json.loads(path.read_text(encoding="utf-8"))["rankings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} can't be read as an evaluation ({error}). Evaluate the model in use again.") from error


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

    Each rank scores its share and learns the others' rewards.
    """
    lengths = [len(one.sequences) for one in rendered]
    rewards = torch.zeros(sum(lengths))
    places = torch.split(rewards, lengths)
    for part, counts in own_parts([unique_tokens(one) for one in rendered], budget=tokens, ranks=runtime.ranks):
        scored = score(model, runtime, [rendered[one] for one in part]).cpu()
        for one, own in zip(part, torch.split(scored, [lengths[one] for one in part]), strict=True):
            places[one].add_(own, alpha=int(counts))
    runtime.ranks.add_up(rewards)
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
