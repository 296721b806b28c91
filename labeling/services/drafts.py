"""What drafts of handed-out work and of a labeler's own writing have in common."""

from typing import Any, Protocol

from labeling.refusals import DraftConflict


class HoldsDraft(Protocol):
    """An assignment or a composition."""

    draft: Any
    draft_version: int


def check_base_version(held: HoldsDraft, base_version: int) -> None:
    """Raises DraftConflict, with what is stored, when a save does not build on the last one."""
    if held.draft_version != base_version:
        raise DraftConflict(
            f"The draft is at version {held.draft_version}, not {base_version}: another tab saved it.",
            current_version=held.draft_version,
            current_draft=held.draft,
        )
