"""A rubric: the flags that labelers may raise on a completion, beside its 1–7 quality (InstructGPT Table 3)."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from labeling.base.refusals import CampaignRefused

MOST_FLAGS = 11
"""Each flag has a letter of the keyboard on the ranking page; so many are left (static/desk/ranking/shortcuts.js)."""


class RubricFlag(TypedDict):
    """`key` is its name in exports; `label` and `help` are texts by interface language."""

    key: str
    label: dict[str, str]
    help: NotRequired[dict[str, str]]


def check_flags(flags: Sequence[RubricFlag]) -> None:
    """Raises CampaignRefused: a flag without a key or with a key used twice, more flags than letters."""
    keys = [flag.get("key", "") for flag in flags]
    if "" in keys or len(set(keys)) < len(keys):
        raise CampaignRefused(f"Every flag of a rubric needs a key of its own, but the keys are: {', '.join(keys)}.")
    if len(keys) > MOST_FLAGS:
        raise CampaignRefused(
            f"The rubric has {len(keys)} flags, and labelers have letters on their keyboard for {MOST_FLAGS}. "
            f"Leave {len(keys) - MOST_FLAGS} out, or put some together."
        )
