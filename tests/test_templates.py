"""Templates that a person who knows HTML reads: short lines, whole elements, no logic inside of tags.

djlint lays them out (`make check`); these are the rules that it does not know.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LONGEST_LINE = 120

TAG = r"\{%\s*(?P<tag>\w+)(?P<rest>.*?)%\}"
ELEMENT = r"<(?P<close>/?)(?P<name>[a-zA-Z][\w-]*)(?P<attributes>(?:\{%.*?%\}|\{\{.*?\}\}|[^>{])*)>"
MARKUP = re.compile(
    rf"\{{#.*?#\}}|\{{%\s*comment.*?endcomment\s*%\}}|\{{%\s*blocktranslate.*?endblocktranslate\s*%\}}|{TAG}|{ELEMENT}",
    re.DOTALL,
)
# Elements without an end, in HTML; in pictures a slash closes them.
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
BRANCHES = frozenset({"else", "elif", "empty"})
CACHING = frozenset({"cache", "cached_include"})


class Unbalanced(Exception):
    """An element or a block tag does not end where it began: every branch of an if is whole in itself."""


def balance(source: str) -> None:
    """Raises Unbalanced for the first element or block tag without its end."""
    opened: list[str] = []
    for found in MARKUP.finditer(source):
        if found["tag"]:
            follow_tag(opened, found["tag"], source)
        elif found["name"]:
            follow_element(opened, found)
    if opened:
        raise Unbalanced(f"{opened[-1]} has no end")


def follow_tag(opened: list[str], tag: str, source: str) -> None:
    if tag in BRANCHES or tag.startswith("end"):
        # An element that was opened inside of the branch must have ended there.
        if not opened or not opened[-1].startswith("{%"):
            raise Unbalanced(f"{{% {tag} %}} before the end of {opened[-1] if opened else 'nothing'}")
        if tag.startswith("end") and opened.pop() != "{%" + tag.removeprefix("end"):
            raise Unbalanced(f"{{% {tag} %}} ends another tag")
    elif re.search(rf"\{{%\s*end{tag}\b", source):
        opened.append("{%" + tag)


def follow_element(opened: list[str], found: re.Match[str]) -> None:
    name = found["name"]
    if found["close"]:
        if not opened or opened.pop() != name:
            raise Unbalanced(f"</{name}> ends another element")
    elif name.lower() not in VOID and not found["attributes"].rstrip().endswith("/"):
        opened.append(name)


def logic_in_tags(source: str) -> list[str]:
    """Inside of an element's tag stand values and plain conditions; what decides more belongs into the view."""
    elements = (found["attributes"] for found in MARKUP.finditer(source) if found["name"])
    return [
        tag[0]
        for attributes in elements
        for tag in re.finditer(TAG, attributes)
        if tag["tag"] in {"for", "with", "elif"} or re.search(r"\b(and|or|in)\b.*\b(and|or|in)\b", tag["rest"])
    ]


def offenders(rule: Callable[[str], object]) -> dict[str, object]:
    """What the rule finds, by the template's name."""
    found = {path.relative_to(ROOT / "templates").as_posix(): rule(path.read_text("utf-8")) for path in TEMPLATES}
    return {name: what for name, what in found.items() if what}


def too_long(source: str) -> list[str]:
    return [f"line {number}" for number, line in enumerate(source.splitlines(), start=1) if len(line) > LONGEST_LINE]


def out_of_balance(source: str) -> str:
    try:
        balance(source)
    except Unbalanced as said:
        return str(said)
    return ""


def cached_blocks(source: str) -> list[str]:
    """An include is balanced; a block that caches what stands between two tags may hold half an element."""
    return re.findall(rf"\{{%\s*end(?:{'|'.join(CACHING)})\b", source)


@pytest.mark.parametrize("rule", [too_long, out_of_balance, logic_in_tags, cached_blocks])
def test_every_template_keeps_the_rule(rule: Callable[[str], object]) -> None:
    assert len(TEMPLATES) > 100
    assert offenders(rule) == {}


@pytest.mark.parametrize(
    "source",
    [
        "<p><b>half</p></b>",
        "<ol>{% if a %}<li>{% endif %}</ol>",
        "{% if a %}<p>{% else %}<p>{% endif %}</p>",
        "<p>{% for a in b %}</p>{% endfor %}",
        "<p>no end",
        "{% cache 60 head %}<p>{% endcache %}</p>",
    ],
)
def test_unbalanced_markup_is_found(source: str) -> None:
    with pytest.raises(Unbalanced):
        balance(source)
    assert out_of_balance(source)


def test_long_lines_and_cached_blocks_are_found() -> None:
    assert too_long(f"<p>\n{'x' * 121}") == ["line 2"]
    assert cached_blocks("{% cache 60 head %}<p></p>{% endcache %}")


def test_logic_in_tags_is_found() -> None:
    assert logic_in_tags('<p class="{% for a in b %}{{ a }}{% endfor %}">') == ["{% for a in b %}"]
    assert logic_in_tags("<p{% if a and b or c %} hidden{% endif %}>") == ["{% if a and b or c %}"]
    assert logic_in_tags("<p{% if a %} hidden{% endif %}>") == []
