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

from rm_trainer.analysis import analyse
from rm_trainer.arguments import EvaluateArguments
from rm_trainer.batches import Group, parts, ranking_groups, with_pairs
from rm_trainer.checkpoint import write_json_file
from rm_trainer.errors import Failed, Refused
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss
from rm_trainer.metrics import Outcome, summarise
from rm_trainer.model import load_reward_model, reward_shift
from rm_trainer.newest import SPLITS, newest_part, parse_time, submitted_after
from rm_trainer.paired import compare
from rm_trainer.precision import Runtime, prepare_runtime
from rm_trainer.progress import Progress
from rm_trainer.render import Rendered, Renderer
from rm_trainer.sharing.choice import score
from rm_trainer.snapshot import Snapshot, open_snapshot


def evaluate(arguments: EvaluateArguments, progress: Progress) -> None:
    """Writes `output`. Raises Refused when the split has no ranking with a usable pair."""
    runtime = prepare_runtime(arguments, arguments.dtype)
    snapshot = open_snapshot(arguments.data)
    rankings = snapshot.rankings(arguments.split)
    model, renderer = load_reward_model(str(arguments.model), max_length=arguments.max_length)
    groups = with_pairs(ranking_groups(rankings, renderer))
    if not groups:
        raise Refused(_nothing_to_evaluate(snapshot, arguments.split, len(rankings)))
    judge = partial(outcomes_of, runtime.place(model), runtime, size=arguments.rankings_per_microbatch)
    outcomes = judge(groups)
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
                "dropped_prompt_tokens": sum(group.rendered.dropped for group in groups),
            },
            "comparison": compare(
                outcomes, _current(arguments, "rankings"), confidence=arguments.confidence, seed=arguments.seed
            ),
            "analysis": analyse(outcomes, seed=arguments.seed),
            "rankings": [_per_ranking(outcome, reward_shift(model)) for outcome in outcomes],
            "newest": _newest(arguments, snapshot, renderer, reward_shift(model), judge, outcomes),
        },
    )
    progress.note(
        f"Pair accuracy {metrics['pair_accuracy']:.3f} on {metrics['pairs']} pairs; all of it is in {arguments.output}."
    )


def _newest(
    arguments: EvaluateArguments,
    snapshot: Snapshot,
    renderer: Renderer,
    shift: float,
    judge: Callable[[Sequence[Group]], list[Outcome]],
    judged: Sequence[Outcome],
) -> dict[str, Any] | None:
    """The newest batch; what was judged already is not read again."""
    if arguments.newest_since is None:
        return None
    splits = [ranking for split in SPLITS for ranking in snapshot.rankings(split)]
    fresh = submitted_after(splits, parse_time(arguments.newest_since))
    groups = with_pairs(ranking_groups(fresh, renderer))
    known = {outcome.ranking_id: outcome for outcome in judged}
    unknown = [group for group in groups if group.ranking.ranking_id not in known]
    known |= {outcome.ranking_id: outcome for outcome in (judge(unknown) if unknown else ())}
    return newest_part(
        arguments.newest_since,
        [known[group.ranking.ranking_id] for group in groups],
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


def outcomes_of(model: PreTrainedModel, runtime: Runtime, groups: Sequence[Group], *, size: int) -> list[Outcome]:
    """What the unshifted rewards say of each group; each must have a usable pair. `size` groups in memory at a time."""
    rewards = rewards_of(model, runtime, [group.rendered for group in groups], size=size)
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
        )
        for group, score, margin in zip(groups, scores, margins, strict=True)
    ]


@torch.no_grad()
def rewards_of(model: PreTrainedModel, runtime: Runtime, rendered: Sequence[Rendered], *, size: int) -> Tensor:
    """Unshifted rewards of all sequences in order, on the CPU. Raises Failed when one isn't a number."""
    rewards = torch.cat([score(model, runtime, part).cpu() for part in parts(rendered, size)])
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
