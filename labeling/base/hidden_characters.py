"""Characters that act without being seen, as marks to read: ⟨RLO⟩ where an override would turn the text around. Pure.

Left alone are those that scripts need and that hide nothing by themselves: joiners (emoji, Persian), and the
left-to-right and right-to-left marks.
"""

import re
import unicodedata

NAMES = {
    0x00AD: "SHY", 0x061C: "ALM", 0x180E: "MVS", 0x200B: "ZWSP", 0x2028: "LSEP", 0x2029: "PSEP",
    0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x2060: "WJ",
    0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xFEFF: "BOM",
    0xFFF9: "IAA", 0xFFFA: "IAS", 0xFFFB: "IAT",
}  # fmt: skip
SEEN = "\t\n\r"
CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
HIDDEN = [code for code in [*CONTROLS, *NAMES] if chr(code) not in SEEN]

# Private-use characters stand in for the hidden ones while parsers look at the text.
MARKS_FROM = 0x10_0000
_TO_MARK = {code: MARKS_FROM + code for code in HIDDEN}
_MARK = re.compile("[" + "".join(chr(mark) for mark in _TO_MARK.values()) + "]")


def hidden_as_marks(text: str) -> str:
    """The text with a private-use character for each hidden one, to be followed by `marks_as_html`."""
    return text.translate(_TO_MARK)


def marks_as_html(html: str) -> str:
    """Escaped text or safe HTML with the marks as spans to read. No attribute of it may hold a mark."""
    return _MARK.sub(lambda mark: _span(ord(mark[0]) - MARKS_FROM), html)


def _span(code: int) -> str:
    number = f"U+{code:04X}"
    title = f"{number} {unicodedata.name(chr(code), 'control character')}"
    return f'<span class="hidden-character" title="{title}">⟨{NAMES.get(code, number)}⟩</span>'
