"""A rubric: the flags that labelers may raise on a completion, beside its 1–7 quality (InstructGPT Table 3)."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from labeling.base.refusals import CampaignRefused


class RubricFlag(TypedDict):
    """`key` is its name in exports; `label` and `help` are texts by interface language."""

    key: str
    label: dict[str, str]
    help: NotRequired[dict[str, str]]


def check_flags(flags: Sequence[RubricFlag]) -> None:
    """Raises CampaignRefused for a flag without a key or with a key used twice."""
    keys = [flag.get("key", "") for flag in flags]
    if "" in keys or len(set(keys)) < len(keys):
        raise CampaignRefused(f"Every flag of a rubric needs a key of its own, but the keys are: {', '.join(keys)}.")
