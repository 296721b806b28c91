"""Which split a prompt belongs to. Pure."""

import hashlib
import unicodedata

from lm.snapshot.records.constants import TEST, TRAIN, VALID

TRAIN_PERCENT, VALID_PERCENT = 80, 10


def submitter_name(name: str) -> str:
    """The name as it is kept, so that one person is one submitter: NFC, every run of white space one blank.

    >>> submitter_name(" kim  lee ")
    'kim lee'
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def split_of(submitter: str) -> str:
    """train / valid / test (80 / 10 / 10 %) by the submitter's name alone, so that a person's prompts are together.

    InstructGPT §3.2 splits by user id for the same reason. A prompt that begins like one that is known already goes
    where that one is (services/prompts.py). The rule must never change: exported snapshots rest on it.
    """
    bucket = int.from_bytes(hashlib.sha256(submitter_name(submitter).encode()).digest()[:8], "big") % 100
    if bucket < TRAIN_PERCENT:
        return TRAIN
    return VALID if bucket < TRAIN_PERCENT + VALID_PERCENT else TEST
