r"""Mathematics in texts is drawn as MathML, prices stay prices, and what can't be drawn shows as it was written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.markdown import render_markdown
from tests.labeling.base.test_markdown import assert_harmless


def formulas(html: str) -> list[str]:
    """The sources of the formulas that are drawn."""
    return re.findall(r'<annotation encoding="application/x-tex">(.*?)</annotation>', html, re.DOTALL)


def without_sources(html: str) -> str:
    return re.sub(r"<annotation.*?</annotation>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (r"Euler: \(e^{i\pi} + 1 = 0\).", r"e^{i\pi} + 1 = 0"),
        (r"A set \(\{1, 2\} * \{3\} * x\).", r"\{1, 2\} * \{3\} * x"),
        (r"Within \[x_1 * x_2 * x_3\] a line.", "x_1 * x_2 * x_3"),
        ("$a$ costs \\$5", "a"),
        ("the sum $x_1*2*3$ of", "x_1*2*3"),
        ("\\[\na\n= b\n- c\n\\]", "a\n= b\n- c"),
        ("$$\nx_1\n+ y_1\n$$", "x_1\n+ y_1"),
        ("1. so\n\n   \\[\n   a - b\n   \\]\n2. z", "a - b"),
        ("> \\[a\n> - b\\]", "a\n- b"),
        (r"\begin{align*} a &amp;= b \\ c &amp;= d \end{align*}", None),
    ],
)
def test_mathematics_is_drawn_with_its_source_beside_it(text: str, source: str | None) -> None:
    html = render_markdown(text)
    if source is not None:
        assert formulas(html) == [source]
        assert "<em>" not in html, "its signs are no Markdown"
    assert_harmless(html)


def test_equations_stand_in_columns_and_get_no_number_that_nobody_wrote() -> None:
    html = without_sources(render_markdown("\\begin{align}\na &= b \\\\\n&= c\n\\end{align}"))
    assert html.count("<mtr>") == 2
    assert "(1)" not in html


def test_displayed_formulas_stand_on_lines_of_their_own() -> None:
    assert 'display="block"' in render_markdown(r"\[x\]")
    assert 'display="block"' in render_markdown("$$x$$")
    assert 'display="block"' not in render_markdown(r"\(x\) and $x$")


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10.",
        "I have $5. You have US$.",
        "Between $5-$6 a piece, or $5/month and $9/year.",
        "from $HOME to $PATH and $HOME/bin$x",
        "Set A=$x and B=$y in the shell of your choice with $z",
        "`\\(x\\)` and `$x$`",
        "    \\[x\\]",
    ],
)
def test_prices_variables_and_code_stay_what_they_are(text: str) -> None:
    html = render_markdown(text)
    assert "<math" not in html
    assert html.count("$") == text.count("$")


def test_brackets_that_markdown_escapes_round_prose_stay_brackets() -> None:
    assert render_markdown(r"\[see the list below\](x)") == "<p>[see the list below](x)</p>\n"


@pytest.mark.parametrize(
    "tex", [r"\foo{x}", r"\frac{1}", r"x % hidden", r"\phantom{no}x", r"a\hspace{-1em}b", "x\u202ey"]
)
def test_what_cannot_be_drawn_or_would_hide_something_shows_its_source(tex: str) -> None:
    for text in (rf"\({tex}\)", rf"so \[{tex}\] it is", f"\\[\n{tex}\n\\]"):
        html = render_markdown(text)
        assert "<math" not in html
        shown = re.sub(r"<[^>]+>", "", html)
        for word in re.findall(r"\\?\w+", tex):
            assert word in shown
        assert "\\" + text[text.index("\\") + 1] in shown, "with its delimiters"


def test_colour_hides_nothing() -> None:
    html = render_markdown(r"\(\color{white}{secret}\)")
    assert "color" not in without_sources(html)
    assert "<mi>s</mi>" in html


@given(st.text(alphabet=r"\()[]{}$^_&xaz1%<>\n ", max_size=60) | st.text(max_size=40))
def test_no_formula_does_harm(text: str) -> None:
    for written in (rf"\({text}\)", f"$${text}$$", f"\\begin{{align}}{text}\\end{{align}}"):
        assert_harmless(render_markdown(written))


@pytest.mark.parametrize(
    "text",
    [
        r"Solve \begin{aligned} a &= b \\ c &= d \end{aligned} for a.",
        r"Let \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} be a matrix.",
    ],
)
def test_an_environment_in_the_middle_of_a_paragraph_is_drawn(text: str) -> None:
    html = render_markdown(text)
    assert html.count("<mtr>") == 2
    assert html.startswith(f"<p>{text.split(maxsplit=1)[0]} <math>")


def test_an_environment_that_does_not_end_or_is_code_stays_text() -> None:
    assert "<math" not in render_markdown(r"a \begin{aligned} b & c")
    assert r"\begin{aligned} a \\ b \end{aligned}" in render_markdown(r"`\begin{aligned} a \\ b \end{aligned}`")
