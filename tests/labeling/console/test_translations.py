"""Everything that the admin says is there in Simplified Chinese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from tests.labeling.base.test_translations import ROOT, catalogue, is_chinese, translation

TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "admin" in path.parts)
MODULES = [
    *sorted(
        path
        for path in (ROOT / "labeling").rglob("*.py")
        if {"admin", "admin.py", "models", "models.py", "choices.py"} & set(path.relative_to(ROOT).parts)
    ),
    ROOT / "config" / "unfold.py",
]
GETTEXT = {"_", "gettext", "gettext_lazy", "lazy", "ngettext"}
IN_TEMPLATE = re.compile(r"\b(?:_|gettext|ngettext)\(u?('''|\"\"\"|'|\")(.*?)\1", re.DOTALL)
TAGS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<svg.*?</svg>|<span class=\"material-symbols.*?</span>", re.DOTALL)
BLOCKS = re.compile(r"\{% (?:comment|blocktranslate).*?(?:endcomment|endblocktranslate) %\}", re.DOTALL)


def in_templates() -> Iterator[str]:
    for path in TEMPLATES:
        for call in IN_TEMPLATE.finditer(templatize(path.read_text())):
            yield call[2].replace("\\'", "'")


def in_modules() -> Iterator[str]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def words_outside_tags(path: Path) -> set[str]:
    text = re.sub(r"<[^>]+>", " ", TAGS.sub(" ", BLOCKS.sub(" ", path.read_text())))
    return set(re.findall(r"[A-Za-z]{2,}", text))


def test_each_text_of_the_admin_is_translated() -> None:
    translated = {entry.msgid for entry in catalogue().values() if not entry.fuzzy and is_chinese(translation(entry))}
    texts = {*in_templates(), *in_modules()}
    assert len(texts) > 400
    assert texts - translated == set()


def test_no_template_of_the_admin_has_a_text_that_translators_never_see() -> None:
    # What sampling is called everywhere: T, top-p and seed are names of numbers.
    names = {"top", "seed", "sha"}
    found = {path.name: words_outside_tags(path) - names for path in TEMPLATES}
    assert {name: words for name, words in found.items() if words} == {}
