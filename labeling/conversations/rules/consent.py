"""What is asked before a conversation may be kept, and in which words. Pure."""

WORDING = "2026-11-26"
"""The version of the words (templates/playground/parts/asks.html, in all languages). Each answer keeps the version that
was read; a change of the words takes a new version (tests/labeling/playground/test_wording.py fails otherwise).
"""


def may_be_kept(*, agreed: bool | None, store: bool | None) -> bool:
    """`agreed`: what the person or the program's owner said, None where nothing; `store`: what the request says, None
    where nothing. A request may keep less than was agreed, never more.

    >>> may_be_kept(agreed=True, store=False), may_be_kept(agreed=None, store=True)
    (False, False)
    """
    return agreed is True and store is not False
