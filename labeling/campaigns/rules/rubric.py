"""What a rubric may be. Pure."""

from collections.abc import Sequence

MOST_FLAGS = 12
"""Each flag has a letter of the keyboard on the ranking page; so many are left (static/desk/ranking/keyboard.js)."""


def why_refused(keys: Sequence[str]) -> str:
    """What is wrong with flags of these keys, and what to do; empty when nothing is."""
    if "" in keys or len(set(keys)) < len(keys):
        return f"Every flag of a rubric needs a key of its own, but the keys are: {', '.join(keys)}."
    if len(keys) > MOST_FLAGS:
        return (
            f"The rubric has {len(keys)} flags, and labelers have letters on their keyboard for {MOST_FLAGS}. "
            f"Leave {len(keys) - MOST_FLAGS} out, or put some together."
        )
    return ""
