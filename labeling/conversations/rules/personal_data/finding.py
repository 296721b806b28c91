"""Personal data in a text: where it is, of which kind, and the text without it. English and Chinese. Pure.

What has a checksum is checked by it, so that numbers which only look alike stay. How much is found, and how much of
what is found is right, is measured on a labelled set: tests/labeling/conversations/test_personal_data.py.
"""

from collections.abc import Iterable, Iterator

from labeling.conversations.rules.personal_data.kinds import Finding, PersonalData
from labeling.conversations.rules.personal_data.numbers import bank_accounts, cards, national_ids, phones
from labeling.conversations.rules.personal_data.patterns import emails, ip_addresses, keys

# Where two kinds claim the same characters, the earlier of these has them: what is most certain comes first.
FINDERS = (keys, emails, national_ids, bank_accounts, cards, ip_addresses, phones)
# Chinese keyboards write full-width forms; each becomes one ASCII character, so that positions stay.
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def find_personal_data(text: str) -> list[Finding]:
    """Every piece, in the order of the text; none lies over another."""
    plain = text.translate(FULL_WIDTH)
    kept: list[Finding] = []
    for found in (each for finder in FINDERS for each in finder(plain)):
        if all(found.end <= other.start or found.start >= other.end for other in kept):
            kept.append(found)
    return sorted(kept, key=lambda each: each.start)


def mask(text: str) -> str:
    """The text with the name of its kind in brackets in place of each piece.

    >>> mask("Write to kim@example.org today.")
    'Write to [email] today.'
    """
    return "".join(_masked(text, find_personal_data(text)))


def kinds_in(texts: Iterable[str]) -> list[PersonalData]:
    """Which kinds the texts hold, each once."""
    return sorted({found.kind for text in texts for found in find_personal_data(text)})


def _masked(text: str, findings: Iterable[Finding]) -> Iterator[str]:
    position = 0
    for found in findings:
        yield text[position : found.start]
        yield f"[{found.kind}]"
        position = found.end
    yield text[position:]
