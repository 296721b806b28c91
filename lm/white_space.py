"""What white space of an answer is kept, and when two answers are the same text: one rule for every way in.

Indentation is kept, for code and Markdown live by it. White space that nobody can see goes: blank lines before the
first line with anything on it, and all white space after the last character. So does a single blank before the first
word, which many tokenizers make and no code needs. Line ends become \\n.
"""

import re
import unicodedata

_ONE_BLANK_BEFORE = re.compile(r"\A (?=\S)")
_BLANK_LINES_BEFORE = re.compile(r"\A(?:[^\S\n]*\n)+")


def kept_answer(text: str) -> str:
    r"""Returns an answer as it is stored and compared; empty where there is nothing to see.

    >>> kept_answer("\n  \n    return x  \r\n\n")
    '    return x'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ONE_BLANK_BEFORE.sub("", _BLANK_LINES_BEFORE.sub("", lines.rstrip()))


def comparable(text: str) -> str:
    """Returns what two answers share if and only if they count as the same one.

    More blanks between words, more empty lines between lines, white space at the ends of lines and another composition
    of the same characters (NFC) make no other answer, for no reader sees them. All else does: indentation, line ends
    and case.
    """
    lines: list[str] = []
    for line in kept_answer(unicodedata.normalize("NFC", text)).split("\n"):
        words = line.split()
        indentation = line[: len(line) - len(line.lstrip())] if words else ""
        if words or not lines or lines[-1]:
            lines.append(indentation + " ".join(words))
    return "\n".join(lines)
