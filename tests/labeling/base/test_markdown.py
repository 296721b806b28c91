"""Markdown becomes HTML that can do nothing, and nothing of what was written gets lost."""

import re
import time
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.code_highlighting import LANGUAGES
from labeling.base.hidden_characters import HIDDEN
from labeling.base.markdown import ATTRIBUTES, TAGS, raw_text, render_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt&#58;alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    '<https://example.org/" onclick="alert(1)>',
    "![x](https://evil.example/pixel.png)",
    "[![x](https://evil.example/pixel.png)](https://example.org)",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    '<p style="position:fixed">over everything</p>',
    "```html\n<script>alert(1)</script>\n```",
    "`<script>`",
    "<!-- <script> -->",
    "<style>*{display:none}</style>",
]


# What cleaning adds, and what says of code and of hidden characters what they are.
EXTRA = {"a": {"rel", "target"}, "span": {"class", "title"}}


def tags_of(html: str) -> list[tuple[str, str]]:
    return re.findall(r"<([a-z0-9]+)\b([^>]*)>", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_comes_through(text: str) -> None:
    assert_harmless(render_markdown(text))


@given(st.text(alphabet="<>\"'/=:;()[]!`*_#&ajscriptonerl \n", max_size=60) | st.text(max_size=60))
def test_nothing_else_comes_through_either(text: str) -> None:
    assert_harmless(render_markdown(text))


def assert_harmless(html: str) -> None:
    for tag, attributes in tags_of(html):
        assert tag in TAGS
        names = set(re.findall(r"([a-z-]+)=", re.sub(r'"[^"]*"', "", attributes)))
        assert names <= ATTRIBUTES.get(tag, set()) | EXTRA.get(tag, set())
        address = re.search(r'href="([^"]*)"', attributes)
        assert not address or re.match(r"(https?:|mailto:|[^:]*$)", unescape(address[1]))


VISIBLE = [
    "<b>bold</b>",
    "![a picture](https://example.org/x.png)",
    "[ref]: https://example.org",
    "<!-- aside -->",
    ">" * 200 + " deep",
    "- " * 150 + "deep",
]


@pytest.mark.parametrize("text", VISIBLE)
def test_what_is_not_rendered_stays_visible(text: str) -> None:
    shown = unescape(re.sub(r"<[^>]+>", "", render_markdown(text)))
    for word in re.findall(r"\w+", text):
        assert word in shown or word in render_markdown(text)
    assert shown.strip()


def test_common_markdown_is_rendered() -> None:
    html = render_markdown("# T\n\n1. **b** *i* `c` ~~s~~\n\n| a |\n|---|\n| b |\n\nline\nbreak\n\n> quote")
    for tag in ("h1", "ol", "strong", "em", "code", "s", "table", "td", "br", "blockquote"):
        assert f"<{tag}" in html


def test_code_without_a_fence_keeps_the_indentation_in_which_it_may_differ() -> None:
    lines = "def f(x):\n    if x:\n\treturn 1\n  return **2**"
    shown = unescape(render_markdown(lines)).replace("\u00a0", " ")
    assert shown == "<p>def f(x):<br>\n    if x:<br>\n    return 1<br>\n  return <strong>2</strong></p>\n"
    assert render_markdown("- one\n  two\n- three") == "<ul>\n<li>one<br>\ntwo</li>\n<li>three</li>\n</ul>\n"
    assert render_markdown("a\n" + 3000 * " " + "b").count("nbsp") <= 40


def test_headings_fit_into_the_page() -> None:
    assert render_markdown("# A\n## B\n###### C", headings_from=3) == "<h3>A</h3>\n<h4>B</h4>\n<h6>C</h6>\n"


def test_links_lead_out_without_telling_where_from() -> None:
    html = render_markdown("[x](https://example.org)")
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_nothing_is_nothing(text: str) -> None:
    assert render_markdown(text) == ""


def test_code_is_coloured_in_languages_that_are_known_and_plain_in_others() -> None:
    assert '<span class="k">def</span>' in render_markdown("```python\ndef f(): ...\n```")
    assert "<span" not in render_markdown("```klingon\ndef f(): ...\n```")
    assert "<span" not in render_markdown("```\ndef f(): ...\n```")
    assert "<span" not in render_markdown(f"```python\n{'x = 1 ' * 4_000}\n```")


@given(st.text(alphabet="<>\"'&=\\ \n\tdef(x):#/*`", max_size=80), st.sampled_from(sorted(LANGUAGES)))
def test_coloured_code_says_what_was_written(code: str, language: str) -> None:
    html = render_markdown(f"~~~~~~{language}\n{code}\n~~~~~~")
    assert_harmless(html)
    assert unescape(re.sub(r"<[^>]+>", "", html)) == f"{code}\n\n"  # the last one follows the block


@given(st.lists(st.sampled_from(HIDDEN) | st.sampled_from([ord("a"), ord("*"), ord(" "), ord("\n")]), max_size=12))
def test_every_hidden_character_is_there_to_see(codes: list[int]) -> None:
    text = "".join(map(chr, codes))
    hidden = sum(code in HIDDEN for code in codes)
    for html in (render_markdown(text), raw_text(text)):
        assert html.count('class="hidden-character"') == hidden
        assert not set(html) & set(map(chr, HIDDEN))


def test_joiners_and_direction_marks_stay_what_they_are() -> None:
    text = "👩\u200d🚀 می\u200cخواهم \u200e(1)"
    assert render_markdown(text) == f"<p>{text}</p>\n"
    assert raw_text(text) == text


def test_raw_text_is_what_was_written() -> None:
    assert raw_text("**a** <b>\n\n") == "**a** &lt;b&gt;\n\n"


QUADRATIC = {
    "brackets that nothing closes": "[",
    "pictures that nothing closes": "![",
    "brackets and code": "[`",
    "addresses that nothing closes": "[a](",
    "emphasis": "*a _",
    "formulas that nothing closes": "\\(a \\[ ",
    "dollars": "$a ",
    "formulas on lines of their own that nothing closes": "\\[\n",
}


@pytest.mark.parametrize("piece", QUADRATIC.values(), ids=QUADRATIC)
def test_no_text_keeps_a_web_thread_busy(piece: str) -> None:
    """A demonstration's length of it. Brackets took 4 s and more, formulas would take minutes without a bound."""
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    html = render_markdown(text)
    assert time.process_time() - began < 3.5
    assert unescape(re.sub(r"<[^>]+>", "", html)).count(piece.strip("\\ \n")[0]) >= 12_000, "nothing is left out"
