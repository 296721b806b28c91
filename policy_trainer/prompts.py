"""Which prompts the policy is trained on, and which it is looked at with: never the same."""

from collections.abc import Sequence
from pathlib import Path

from lm.conversations import check_conversation
from lm.errors import Refused
from lm.json_lines import object_of
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key
from lm.snapshot.reading import Snapshot
from lm.snapshot.records.constants import HELD_OUT, TEST, TRAIN, VALID
from lm.words import counted
from policy_trainer.model import Policy
from policy_trainer.rollout import Prompt, prompt_of

MEASURED_ON = (VALID, TEST, HELD_OUT)


def training_prompts(
    snapshot: Snapshot, file: Path | None, policy: Policy, *, max_new_tokens: int, leave_out_long: bool
) -> tuple[list[Prompt], int]:
    """Prompts with room for an answer, and how many were left out for having none.

    Raises Refused for a prompt of a split that is measured on, or one that begins like such a prompt; for one without
    room, unless these are left out; and when none is left.
    """
    conversations = list(snapshot.prompts(TRAIN)) if file is None else _read(file)
    where = f"the split {TRAIN} of {snapshot.directory}" if file is None else str(file)
    _refuse_measured_on(where, conversations, snapshot)
    prompts = [prompt_of(policy, number, one) for number, one in enumerate(conversations, start=1)]
    room = policy.renderer.max_length - max_new_tokens
    fitting = [one for one in prompts if len(one.ids) <= room]
    long = [one.number for one in prompts if len(one.ids) > room]
    if long and not leave_out_long:
        raise Refused(
            f"{len(long)} prompts of {where} are longer than {room} tokens, which is what {max_new_tokens} tokens of "
            f"an answer leave of {policy.renderer.max_length} (number {_some(long)}). Give --leave-out-long-prompts, a "
            "lower --max-new-tokens, or a larger --max-length if the model reads more."
        )
    if not fitting:
        raise Refused(f"There are no prompts to train on in {where}. Export a snapshot with a split {TRAIN}.")
    return fitting, len(long)


def left_out_in_words(count: int) -> str:
    """Of prompts without room for an answer."""
    return (
        f"{counted(count, 'prompt leaves', 'prompts leave')} no room for an answer, and would have to be cut: left out."
    )


def held_out_prompts(snapshot: Snapshot, policy: Policy, *, max_new_tokens: int, most: int) -> list[Prompt]:
    """The first prompts of the split valid that leave room for an answer; there may be none."""
    room = policy.renderer.max_length - max_new_tokens
    found = [prompt_of(policy, number, one) for number, one in enumerate(snapshot.prompts(VALID), start=1)]
    return [one for one in found if len(one.ids) <= room][:most]


def _read(file: Path) -> list[tuple[Message, ...]]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise Refused(f"{file} can't be read ({error.strerror}). Give a JSONL file as --prompts.") from error
    return [_line(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _line(file: Path, number: int, line: bytes) -> tuple[Message, ...]:
    try:
        record = object_of(line)
        messages = tuple(check_conversation(record.get("prompt")))
    except Refused as error:
        raise Refused(f"Line {number} of {file} can't be used: {str(error).rstrip('.')}.") from error
    if record.get("split", TRAIN) != TRAIN:
        raise Refused(f"Line {number} of {file} is of the split {record['split']}, which is measured on. Take it out.")
    return messages


def _refuse_measured_on(where: str, conversations: Sequence[Sequence[Message]], snapshot: Snapshot) -> None:
    measured = {opening_key(one) for split in MEASURED_ON for one in snapshot.prompts(split)}
    known = [number for number, one in enumerate(conversations, start=1) if opening_key(one) in measured]
    if known:
        raise Refused(
            f"{len(known)} prompts of {where} begin like prompts of the snapshot that are measured on (number "
            f"{_some(known)}). What a policy was trained on says nothing of it: take them out."
        )


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
