"""Markdown from models and people, rendered as harmless HTML. Pure.

Two protections: the parser lets no raw HTML through (it comes out as visible text), and nh3 keeps only the listed tags.
Whatever was written stays visible: lines keep their indentation (code without a fence would differ in it unseen),
images become links to them, link definitions stay as text, what is nested deeper
than the parser follows is shown as plain text, formulas that can't be drawn show their source, and control characters
are shown by their names, so that nobody ranks an answer of which a part was hidden.
"""

import hashlib
from functools import lru_cache
from html import escape
from importlib.metadata import version
from pathlib import Path

import nh3
from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline, newline
from markdown_it.token import Token

from labeling.base import code_highlighting, hidden_characters, mathematics
from labeling.base.code_highlighting import CODE_CLASSES, coloured
from labeling.base.hidden_characters import hidden_as_marks, marks_as_html
from labeling.base.mathematics import MATHML_ATTRIBUTES, MATHML_CLASSES, MATHML_TAGS, STYLES

TEXT_HEADINGS_FROM = 3  # on the desk, under the page's h1 and each card's h2

DEEPEST = 60
"""Nesting that the parser follows; beyond it, it would drop the rest of a block without a word."""

NO_BREAK_SPACE = "\u00a0"
DEEPEST_INDENTATION = 40
"""Blanks: more would push the text out of a narrow card."""

MOST_STEPS = 300_000
"""Looks ahead for the ends of links. Brackets that are never closed make the parser look through the whole paragraph
anew for each, seconds for 100,000 of them; after so many steps, about 0.3 s, the text is shown as it was written."""

KEPT = 512
"""Texts whose HTML each process remembers: guidance that every page shows, work that is looked at again.

Saves 8.9 ± 1.3 of 16.8 ms of processor time an operation (docs/architecture.md, Speed)."""

TAGS = frozenset(
    {"p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "hr", "a", "span"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
    | MATHML_TAGS
)
ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, **MATHML_ATTRIBUTES}

_MODULES = (code_highlighting, hidden_characters, mathematics)
_MADE_OF = [Path(__file__), *(Path(str(module.__file__)) for module in _MODULES)]
_PACKAGES = ("markdown-it-py", "mdit-py-plugins", "math-core", "nh3", "Pygments")
_MADE_WITH = [f"{package} {version(package)}" for package in _PACKAGES]
RENDERER = hashlib.sha256(b"".join(path.read_bytes() for path in _MADE_OF) + repr(_MADE_WITH).encode()).hexdigest()[:16]
"""Changes by itself with whatever could change the HTML, so that HTML kept from before is not shown any more."""


class _TooManySteps(Exception):
    pass


class _BoundedInline(ParserInline):
    """Counts in `env`, for the parser itself is shared by threads."""

    def skipToken(self, state: StateInline) -> None:  # noqa: N802  (markdown-it's name)
        state.env["steps"] = state.env.get("steps", 0) + 1
        if state.env["steps"] > MOST_STEPS:
            raise _TooManySteps
        super().skipToken(state)


def _newline_with_indentation(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  (markdown-it calls it)
    """Markdown's own rule drops the blanks with which the next line of a paragraph begins."""
    begun = state.pos
    if not newline(state, silent):
        return False
    if not silent:
        blanks = state.src[begun + 1 : state.pos].replace("\t", 4 * " ")
        state.pending += NO_BREAK_SPACE * min(len(blanks), DEEPEST_INDENTATION)
    return True


_parser = MarkdownIt()
_parser.inline = _BoundedInline()
_parser.configure("commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST, "highlight": coloured})
_parser.enable(["table", "strikethrough"]).disable(["image", "reference"])
_parser.inline.ruler.at("newline", _newline_with_indentation)
_parser.use(mathematics.mathematics)


@lru_cache(maxsize=KEPT)
def render_markdown(text: str, *, headings_from: int = 1) -> str:
    """Safe HTML of `text`, its largest heading an h`headings_from` so that it fits into the page's own outline."""
    text = hidden_as_marks(text)  # before the parser, which drops some control characters
    try:
        tokens = _parser.parse(text)
    except _TooManySteps:
        tokens = None
    if tokens is None or any(token.level >= DEEPEST - 2 for token in tokens):
        return marks_as_html(f"<pre>{escape(text)}</pre>")
    _lower_headings(tokens, by=headings_from - 1)
    html = _parser.renderer.render(tokens, _parser.options, {})
    safe = nh3.clean(
        html,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        allowed_classes={"span": set(CODE_CLASSES), **MATHML_CLASSES},
        filter_style_properties=set(STYLES),
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return marks_as_html(safe)


def raw_text(text: str) -> str:
    """Safe HTML of `text` as it was written: every character is there to see."""
    return marks_as_html(escape(hidden_as_marks(text)))


def _lower_headings(tokens: list[Token], *, by: int) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + by)}"
