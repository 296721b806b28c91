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
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.progress import Progress
from lm.rendering import Renderer
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.training.batches import parts
from lm.training.dealing import own_parts
from lm.training.processes import ALONE, Processes
from lm.training.read_ahead import ReadAhead
from lm.training.runtime import Runtime, prepare_runtime
from rm_trainer.arguments import EvaluateArguments
from rm_trainer.dataset import TokenDataset, shortened, tokenized_rankings, with_pairs
from rm_trainer.evaluation.analysis import analyse
from rm_trainer.evaluation.ceiling import in_words
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.newest import SPLITS, is_new, newest_part, parse_time
from rm_trainer.evaluation.paired import compare
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss
from rm_trainer.model import load_reward_model, precision_of, reward_bias, score_hidden
from rm_trainer.token_cache import default_cache
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.usable import counts_of, lost_records
from rm_trainer.usable import in_words as left_out_in_words

AT_ONCE = 256
"""Rankings that are read from the disk at a time: some megabytes."""


def evaluate(arguments: EvaluateArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Writes `output`. Raises Refused when the split has no ranking with a usable pair."""
    with processes.in_turn():
        snapshot = open_snapshot(arguments.data)
        _refuse_other_data(arguments, snapshot)
        model, renderer = load_reward_model(str(arguments.model), max_length=arguments.max_length)
        runtime = prepare_runtime(arguments, precision_of(arguments.dtype, model), processes)
        cache = arguments.cache_directory or default_cache()
        rankings = tokenized_rankings(snapshot, arguments.split, renderer, cache)
        usable = with_pairs(rankings)
        if not usable:
            raise Refused(_nothing_to_evaluate(snapshot, arguments.split, rankings))
        fresh = _newest_batch(arguments, snapshot, renderer, cache)
        runtime.place(model)
    sharing = choose_strategy(model, runtime.device)
    judge = partial(outcomes_of, model, runtime, sharing, tokens=arguments.tokens_per_microbatch)
    outcomes = judge(usable)
    newest = None if fresh is None else _judged(judge, fresh, outcomes)
    if not processes.first:
        return
    analysis = analyse(outcomes, seed=arguments.seed)
    metrics = summarise(outcomes, bootstrap_samples=arguments.bootstrap_samples, seed=arguments.seed)
    write_json_file(
        arguments.output,
        {
            "schema": 1,
            "model": str(arguments.model),
            "snapshot_sha256": snapshot.sha256,
            "split": arguments.split,
            "reward_bias": reward_bias(model),
            **runtime.describe(),
            "metrics": {
                **metrics,
                "tied_rankings": len(rankings) - len(usable),
                **shortened(usable),
                **counts_of(rankings.remarks),
            },
            "comparison": compare(
                outcomes, _current(arguments, "rankings"), confidence=arguments.confidence, seed=arguments.seed
            ),
            "analysis": analysis,
            "rankings": [_per_ranking(outcome, reward_bias(model)) for outcome in outcomes],
            "newest": None if newest is None else _newest_part(arguments, newest, reward_bias(model)),
        },
    )
    for remark in left_out_in_words(rankings.remarks):
        progress.note(f"{arguments.split}: {remark}")
    progress.note(
        f"Pair accuracy {metrics['pair_accuracy']:.3f} on {metrics['pairs']} pairs; all of it is in {arguments.output}."
    )
    progress.note(in_words(analysis["ceiling"]))


def _newest_batch(
    arguments: EvaluateArguments, snapshot: Snapshot, renderer: Renderer, cache: Path
) -> list[TokenDataset[TokenizedRanking]] | None:
    """The rankings of SPLITS that were handed in after --newest-since; None where nobody asks for them."""
    if arguments.newest_since is None:
        return None
    since = parse_time(arguments.newest_since)
    splits = [with_pairs(tokenized_rankings(snapshot, split, renderer, cache)) for split in SPLITS]
    return [
        split.select([place for place, one in enumerate(split) if is_new(one.ranking.submitted_at, since)])
        for split in splits
    ]


def _judged(
    judge: Callable[[Sequence[TokenizedRanking]], list[Outcome]],
    fresh: Sequence[TokenDataset[TokenizedRanking]],
    judged: Sequence[Outcome],
) -> list[Outcome]:
    """What was judged already is not read again."""
    known = {outcome.ranking_id: outcome for outcome in judged}
    ids = [split.column("id").tolist() for split in fresh]
    for split, names in zip(fresh, ids, strict=True):
        unknown = [place for place, name in enumerate(names) if name not in known]
        known |= {outcome.ranking_id: outcome for outcome in judge(split.select(unknown))} if unknown else {}
    return [known[name] for names in ids for name in names]


def _newest_part(arguments: EvaluateArguments, newest: Sequence[Outcome], bias: float) -> dict[str, Any]:
    assert arguments.newest_since is not None  # or there would be no newest
    return newest_part(
        arguments.newest_since,
        newest,
        _current(arguments, "newest", "rankings"),
        confidence=arguments.confidence,
        seed=arguments.seed,
        per_ranking=lambda outcome: _per_ranking(outcome, bias),
    )


def _refuse_other_data(arguments: EvaluateArguments, snapshot: Snapshot) -> None:
    """Raises Refused when the model in use was measured on another snapshot or split: ids alone may be the same."""
    if arguments.current is None:
        return
    measured = _read_evaluation(arguments.current)
    if (measured.get("snapshot_sha256"), measured.get("split")) != (snapshot.sha256, arguments.split):
        raise Refused(
            f"{arguments.current} was measured on another snapshot or split than {arguments.split} of "
            f"{snapshot.directory}. Evaluate the model in use again, with the same options."
        )


def _current(arguments: EvaluateArguments, *keys: str) -> list[Outcome] | None:
    return None if arguments.current is None else read_outcomes(arguments.current, *keys)


def read_outcomes(path: Path, *keys: str) -> list[Outcome]:
    """Rankings that lie under the keys in a file that `evaluate` wrote. Raises Refused when they don't."""
    found: Any = _read_evaluation(path)
    try:
        for key in keys:
            found = found[key]
        return [Outcome(**one) for one in found]
    except (KeyError, TypeError) as error:
        raise Refused(_unreadable(path, error)) from error


def _read_evaluation(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(_unreadable(path, error)) from error
    if not isinstance(content, dict):
        raise Refused(_unreadable(path, "no object"))
    return content


def _unreadable(path: Path, why: object) -> str:
    return f"{path} can't be read as an evaluation ({why}). Evaluate the model in use again, with the same options."


def outcomes_of(
    model: PreTrainedModel,
    runtime: Runtime,
    sharing: Strategy,
    rankings: Sequence[TokenizedRanking],
    *,
    tokens: int,
) -> list[Outcome]:
    """What the rewards say of each ranking; each must have a usable pair.

    As many go through the network at a time as have `tokens` together. Of what is on the disk AT_ONCE are in memory.
    """
    with ReadAhead(list(some) for some in parts(rankings, AT_ONCE)) as read:
        return [outcome for some in read for outcome in _outcomes(model, runtime, sharing, some, tokens)]


def _outcomes(
    model: PreTrainedModel, runtime: Runtime, sharing: Strategy, rankings: Sequence[TokenizedRanking], tokens: int
) -> list[Outcome]:
    rewards = rewards_of(model, runtime, sharing, [one.tokens for one in rankings], tokens=tokens)  # [ΣK]
    ranks = [one.ranks for one in rankings]
    scores = torch.split(rewards, [len(one) for one in ranks])
    return [
        _outcome(one, score, margins)
        for one, score, margins in zip(rankings, scores, batch_margins(rewards, ranks), strict=True)
    ]


def _outcome(one: TokenizedRanking, scores: Tensor, margins: Tensor) -> Outcome:
    ranking = one.ranking
    return Outcome(
        ranking_id=ranking.ranking_id,
        prompt_id=ranking.prompt_id,
        completion_ids=ranking.completion_ids,
        rewards=tuple(scores.tolist()),
        pairs=margins.numel(),
        correct=float(correct_pairs(margins)),
        log_loss=float(ranking_loss(margins)) * margins.numel(),
        ranks=ranking.ranks,
        tokens=one.tokens.lengths,
        use_case=ranking.use_case,
        language=ranking.language,
        policies=tuple(sorted({model for model in ranking.models if model})),
        task_id=ranking.task_id,
        labeler=ranking.labeler,
        submitted_at=ranking.submitted_at,
        strengths=ranking.strengths,
        qualities=ranking.qualities,
    )


@torch.no_grad()
def rewards_of(
    model: PreTrainedModel, runtime: Runtime, sharing: Strategy, prompts: Sequence[SharedPrompt], *, tokens: int
) -> Tensor:
    """Rewards without their bias [ΣK] of all completions in order, on the CPU. Raises Failed when one isn't a number.

    Each process scores its share and learns the others' rewards.
    """
    rewards = torch.zeros(sum(len(one.completions) for one in prompts))
    places = torch.split(rewards, [len(one.completions) for one in prompts])  # of each prompt [K]
    sizes = [len(one.ids) for one in prompts]
    for numbers, counts in own_parts(sizes, budget=tokens, processes=runtime.processes):
        some = [prompts[number] for number in numbers]
        with runtime.autocast():
            hidden = sharing.last_hidden_states(model, some)  # [S, d]
            scored = score_hidden(model, hidden).cpu()  # [S]
        own = torch.split(scored, [len(one.completions) for one in some])
        for number, score in zip(numbers, own, strict=True):
            places[number].add_(score, alpha=int(counts))
    runtime.processes.add_up(rewards)
    if not rewards.isfinite().all():
        raise Failed(
            "The model gives a reward that is not a finite number. Its weights are broken, or the precision is too low."
        )
    return rewards


def _per_ranking(outcome: Outcome, bias: float) -> dict[str, Any]:
    return {**asdict(outcome), "rewards": [reward + bias for reward in outcome.rewards]}


def _nothing_to_evaluate(snapshot: Snapshot, split: str, rankings: TokenDataset[TokenizedRanking]) -> str:
    where = f"in the split {split} of {snapshot.directory}"
    if lost := lost_records(rankings.remarks):
        said = " ".join(left_out_in_words(rankings.remarks))
        return f"None of {len(rankings) + lost} rankings {where} leaves a pair to judge. {said}"
    if rankings:
        return f"All {len(rankings)} rankings {where} are ties."
    there = ", ".join(snapshot.splits("rankings")) or "none"
    return f"{snapshot.directory} has no rankings in the split {split} (it has: {there}). Give another --split."
