"""`python -m policy_trainer best-of-n`: what the best of n answers is worth, without any training.

    python -m policy_trainer best-of-n --base SFT --reward-model RM --data SNAPSHOT --output curve.json
    python -m policy_trainer best-of-n --base SFT --reward-model RM --data SNAPSHOT --split train --output best.json \\
        --snapshot BEST && python -m policy_trainer sft --base SFT --data BEST --output DIR

The first gives the curve of reward over KL that a trained policy is to be held against. The second tunes on the best
answers: rejection-sampling fine-tuning (Touvron et al. 2023, §3.2.3).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import TypedDict

from lm.atomic_files import atomic_directory, write_json_file
from lm.conversations import unstorable_character
from lm.errors import Refused
from lm.progress import Progress
from lm.prompt_format import Message
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.snapshot.records.constants import TRAIN
from lm.snapshot.records.written import DemonstrationRecord
from lm.snapshot.writing import SnapshotWriter
from lm.training.processes import ALONE, Processes
from lm.training.runtime import prepare_runtime
from policy_trainer.arguments import BestOfNArguments
from policy_trainer.maths.best_of_n import expected_best, kl_bound, mean_of_best
from policy_trainer.model import Policy, load_policy
from policy_trainer.prompts import left_out_in_words
from policy_trainer.reward import RewardDoor, load_checked
from policy_trainer.reward_checks import in_common, measured_order, refuse_constant, refuse_watching_itself
from policy_trainer.rollout import Prompt, Rollout, Sampling, prompt_of, sample

SOURCE = "best_of_n"


class Row(TypedDict):
    """`reward`: the mean best of n by the reward model that picks; `watched`: what another one says of the picked."""

    n: int
    kl: float
    reward: float
    watched: float | None


def best_of_n(arguments: BestOfNArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Writes `output`, and `snapshot` where it is asked for. Raises Refused. Each of several processes answers some of
    the prompts by the whole policy, and holds a part of the reward models.
    """
    _refuse_to_leak(arguments)
    refuse_watching_itself(arguments.watched_reward_model, [arguments.reward_model])
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes)
        snapshot = open_snapshot(arguments.data)
        policy = load_policy(arguments.base, max_length=arguments.max_length)
        door = RewardDoor(load_checked(arguments.reward_model, policy).scorer(runtime))
        watched = arguments.watched_reward_model
        watching = None if watched is None else RewardDoor(load_checked(watched, policy).scorer(runtime))
        prompts = _prompts(arguments, snapshot, policy, progress)
    remarks = [measured_order(arguments.reward_model, door.rewarder, snapshot)]
    if watched is not None and watching is not None:
        remarks += [measured_order(watched, watching.rewarder, snapshot), in_common(watched, arguments.reward_model)]
    sampling = Sampling(
        completions=arguments.n, max_new_tokens=arguments.max_new_tokens, max_tokens=arguments.tokens_in_rollout
    )
    rollouts = sample(policy, runtime, prompts, sampling, seed=arguments.seed, version=0)
    rewards = door.rewards(rollouts)
    refuse_constant(rewards)
    others = None if watching is None else watching.rewards(rollouts)
    rows = [_row(n, rewards, others) for n in _sizes(arguments.n)]
    with processes.agreed():
        if processes.first:
            write_json_file(
                arguments.output,
                {
                    "schema": 1,
                    "base": arguments.base,
                    "reward_model": str(arguments.reward_model),
                    "watched_reward_model": None if watched is None else str(watched),
                    "snapshot_sha256": snapshot.sha256,
                    "split": arguments.split,
                    "prompts": len(prompts),
                    "ended": fmean(end for one in rollouts for end in one.ended),
                    "rows": rows,
                },
            )
            if arguments.snapshot is not None:
                _write_snapshot(arguments.snapshot, rollouts, rewards, arguments, snapshot)
    for remark in filter(None, remarks):
        progress.note(remark)
    for row in rows:
        said = "" if row["watched"] is None else f", watched {row['watched']:+.3f}"
        progress.note(f"best of {row['n']}: reward {row['reward']:+.3f}{said}, at most {row['kl']:.2f} nats")


def _refuse_to_leak(arguments: BestOfNArguments) -> None:
    """Raises Refused where answers to prompts that are measured on were to be tuned on."""
    if arguments.snapshot is not None and arguments.split != TRAIN:
        raise Refused(
            f"--snapshot is for tuning on, and the prompts of the split {arguments.split} are measured on. Give "
            "--split train, or leave --snapshot out."
        )


def _prompts(arguments: BestOfNArguments, snapshot: Snapshot, policy: Policy, progress: Progress) -> list[Prompt]:
    """The split's with room for an answer. Raises Refused where there are none."""
    conversations = list(snapshot.prompts(arguments.split))[: arguments.prompts or None]
    room = policy.renderer.max_length - arguments.max_new_tokens
    every = [prompt_of(policy, number, one) for number, one in enumerate(conversations, start=1)]
    prompts = [one for one in every if len(one.ids) <= room]
    if len(prompts) < len(every):
        progress.note(left_out_in_words(len(every) - len(prompts)))
    if not prompts:
        raise Refused(f"{arguments.data} has no prompts that can be answered in the split {arguments.split}.")
    return prompts


def _sizes(n: int) -> list[int]:
    """1, 2, 4 … and n itself."""
    return sorted({*(2**power for power in range(n.bit_length()) if 2**power <= n), n})


def _row(n: int, rewards: Sequence[Sequence[float]], watched: Sequence[Sequence[float]] | None) -> Row:
    judged = None
    if watched is not None:
        judged = fmean(_picked(own, others, n) for own, others in zip(rewards, watched, strict=True))
    return Row(n=n, kl=kl_bound(n), reward=fmean(expected_best(own, n) for own in rewards), watched=judged)


def _picked(rewards: Sequence[float], worth: Sequence[float], n: int) -> float:
    """The mean worth of what is picked of n, over all subsets."""
    return mean_of_best([value for _, value in sorted(zip(rewards, worth, strict=True))], n)


def _write_snapshot(
    directory: Path,
    rollouts: Sequence[Rollout],
    rewards: Sequence[Sequence[float]],
    arguments: BestOfNArguments,
    of: Snapshot,
) -> None:
    """The best answer to each prompt, of those that ended by themselves, as a demonstration of the split train, but
    what is empty or can't be stored: who learns from a cut one learns to stop in the middle.
    """
    filters = {"best_of": arguments.n, "base": arguments.base, "snapshot_sha256": of.sha256, "split": arguments.split}
    with atomic_directory(directory) as partial, SnapshotWriter(partial) as files:
        count = 0
        for one, own in zip(rollouts, rewards, strict=True):
            place = max((n for n, ended in enumerate(one.ended) if ended), key=own.__getitem__, default=None)
            if place is not None and one.texts[place] and not unstorable_character(one.texts[place]):
                count += 1
                files.write("demonstrations", "train", _record(one, place))
        if not count:
            raise Refused("All of the best answers are empty or were cut. There is nothing to tune on.")
        files.finish(as_of=datetime.now(UTC), filters=filters, counts={"train": {"demonstrations": count}})


def _record(one: Rollout, place: int) -> DemonstrationRecord:
    number = one.prompt.number
    return {
        "schema": 1, "demonstration_id": number, "revision": 1, "prompt_id": number, "campaign": "", "split": "train",
        "prompt": list(one.prompt.messages), "completion": [Message(role="assistant", content=one.texts[place])],
        "labeler": None, "labeler_group": "", "simulated": True, "use_case": "", "language": "", "source": SOURCE,
        "instruction_version": None, "active_seconds": None,
        "submitted_at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "suggestion": None, "fixed": False, "prompt_source": "",
    }  # fmt: skip
