"""Which split a prompt belongs to. Pure."""

import hashlib

from lm.snapshot.records import TEST, TRAIN, VALID

TRAIN_PERCENT, VALID_PERCENT = 80, 10


def split_of(submitter: str) -> str:
    """train / valid / test (80 / 10 / 10 %) by the submitter's name alone, so nobody's prompts are in two splits.

    InstructGPT §3.2 splits by user id for the same reason. The rule must never change: exported snapshots rest on it.
    """
    bucket = int.from_bytes(hashlib.sha256(submitter.encode()).digest()[:8], "big") % 100
    if bucket < TRAIN_PERCENT:
        return TRAIN
    return VALID if bucket < TRAIN_PERCENT + VALID_PERCENT else TEST
