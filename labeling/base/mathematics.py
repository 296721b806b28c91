r"""Mathematics in Markdown, as MathML that browsers draw by themselves: \(…\), \[…\], $…$, $$…$$, \begin{align}… Pure.

What can't be drawn, or would hide some of what was written, is shown as its source.
"""

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from math_core import LatexError, LatexToMathML
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.utils import is_code_block

from labeling.base.hidden_characters import MARKS_FROM

LONGEST_FORMULA = 4_000
"""Characters; what is longer is shown as its source, and no search for an end goes further."""
LONGEST_FORMULA_LINES = 60

MATHML_TAGS = frozenset(
    {"math", "semantics", "annotation", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot"}
    | {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "mstyle"}
    | {"mpadded", "menclose", "mtable", "mtr", "mtd"}
)
MATHML_ATTRIBUTES = {
    "math": {"display"},
    "annotation": {"encoding"},
    "mo": {"stretchy", "lspace", "rspace", "minsize", "maxsize", "symmetric", "largeop", "movablelimits", "form"},
    "mi": {"mathvariant"},
    "mfrac": {"linethickness"},
    "mspace": {"width", "height", "depth"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "munderover": {"accent", "accentunder"},
    "mpadded": {"width", "height", "depth", "lspace", "voffset"},
    "menclose": {"notation"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"displaystyle", "scriptlevel"},
    "mtd": {"style"},
}
MATHML_CLASSES = {"mrow": {"menclose-updiagonalstrike", "menclose-downdiagonalstrike", "menclose-phasorangle"}}
STYLES = frozenset(
    {"text-align", "justify-items", "padding-left", "padding-right", "padding-top", "padding-bottom"}
    | {"border-top", "border-bottom", "border-left", "border-right"}
)
"""How the columns of a table stand; no colour, which could hide a part."""

# Comments, invisible boxes, and boxes without a width, which lie over what stands beside them.
_HIDES = re.compile(r"(?<!\\)%|\\([hv]?phantom|smash|math[lrc]lap|[lrc]lap|hspace|kern|mkern|mskip|raisebox)\b")
_MARKS = re.compile(f"[{chr(MARKS_FROM)}-\U0010fffd]")
# Words between dollars are prices, “from $5. to US$”; text within mathematics stands in \text{…}.
_IN_BRACES = re.compile(r"\\[a-z]+\s*\{[^{}]*\}")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}\s+[A-Za-z]{2,}")
_OPERATORS = re.compile(r"[\\^_{=<>+*/|]|^\S+$")
_NUMBERED = re.compile(r"(\\(?:begin|end)\{(?:equation|multline|gather|align|alignat|flalign))\}")

_ENVIRONMENT = re.compile(
    r"\\begin\{((?:aligned|gathered|split|cases|array|[pbBvV]?matrix)|(?:align|gather|equation)\*?)\}"
)

_converter = LatexToMathML(annotation=True, fancy_error=False)
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}
_ON_A_LINE = (r"\[", "$$")


def mathematics(parser: MarkdownIt) -> None:
    """A plugin for markdown-it."""
    amsmath_plugin(parser)
    ends = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "formula_block", _formula_block, {"alt": ends})
    parser.inline.ruler.before("escape", "formula_inline", _formula_inline)
    parser.inline.ruler.before("escape", "environment_inline", _environment_inline)
    for kind in ("formula", "amsmath"):
        parser.add_render_rule(kind, _render)


def mathml(tex: str, *, display: bool) -> str | None:
    """MathML, not cleaned yet; None for what is no LaTeX, or what would not show all of itself."""
    if len(tex) > LONGEST_FORMULA or _HIDES.search(tex) or _MARKS.search(tex):
        return None
    try:
        # With a star, so that no number appears that nobody wrote.
        return _converter.convert_with_local_state(_NUMBERED.sub(r"\1*}", tex), displaystyle=display)
    except LatexError:
        return None


def _render(_renderer: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
    token = tokens[at]
    opening = token.markup if token.type == "formula" else ""
    drawn = mathml(token.content.strip(), display=token.block or opening in _ON_A_LINE)
    if drawn is None:
        source = escape(f"{opening}{token.content}{_CLOSING.get(opening, '')}")
        return f"<pre><code>{source}</code></pre>\n" if token.block else f"<code>{source}</code>"
    return f"<p>{drawn}</p>\n" if token.block else drawn


def _opening(text: str, at: int) -> str:
    """The delimiter that stands there; empty where there is none."""
    if text[at : at + 1] not in ("\\", "$"):
        return ""
    return text[at : at + 2] if text[at : at + 2] in _CLOSING else "$" * text.startswith("$", at)


def _is_formula(tex: str, opening: str) -> bool:
    """Whether that is mathematics, and not prose between escaped brackets or two prices."""
    if not tex.strip() or (opening != "$$" and _WORDS.search(_IN_BRACES.sub("", tex))):
        return False
    return opening != "$" or (tex == tex.strip() and "\n\n" not in tex and bool(_OPERATORS.search(tex)))


def _formula_inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  (markdown-it calls it so)
    opening = _opening(state.src, state.pos)
    if not opening:
        return False
    begin, closing = state.pos + len(opening), _CLOSING[opening]
    end = state.src.find(closing, begin, min(begin + LONGEST_FORMULA, state.posMax))
    after = end + len(closing)
    if end < 0 or not _is_formula(state.src[begin:end], opening):
        return False
    if opening == "$" and (state.src[state.pos - 1 : state.pos].isalnum() or state.src[after : after + 1].isalnum()):
        return False  # US$5, $HOME$PATH
    if not silent:
        token = state.push("formula", "math", 0)
        token.markup, token.content = opening, state.src[begin:end]
    state.pos = after
    return True


def _environment_inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    r"""Takes \begin{aligned} … \end{aligned} in the middle of a paragraph, where nothing else stands around it."""
    found = _ENVIRONMENT.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    closing = rf"\end{{{found[1]}}}"
    end = state.src.find(closing, found.end(), min(found.end() + LONGEST_FORMULA, state.posMax))
    if end < 0:
        return False
    after = end + len(closing)
    if not silent:
        token = state.push("formula", "math", 0)
        token.content = state.src[state.pos : after]
    state.pos = after
    return True


def _formula_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:  # noqa: FBT001
    r"""Takes \[ or $$ at the beginning of a line to its end on a line, before any line of it is taken for a list."""
    begin = state.bMarks[first] + state.tShift[first]
    opening = _opening(state.src, begin)
    if opening not in _ON_A_LINE or is_code_block(state, first):
        return False
    closing, content = _CLOSING[opening], ""
    if state.src.find(closing, begin + len(opening), begin + LONGEST_FORMULA) < 0:
        return False
    for line in range(first, min(last, first + LONGEST_FORMULA_LINES)):
        if line > first and state.sCount[line] < state.blkIndent:
            return False
        content += state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip() + "\n"
        end = content.find(closing, len(opening))
        if end < 0:
            continue
        tex = content[len(opening) : end]
        if content[end + len(closing) :].strip() or not _is_formula(tex, opening):
            return False  # something follows: it stands within a paragraph
        if not silent:
            token = state.push("formula", "math", 0)
            token.block, token.markup, token.content, token.map = True, opening, tex, [first, line + 1]
        state.line = line + 1
        return True
    return False
