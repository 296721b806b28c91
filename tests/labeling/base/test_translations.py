"""Everything that a labeler reads is there in Simplified Chinese, and the compiled catalogue is the readable one."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import django
import polib
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "admin" not in path.parts)
MODULES = sorted(
    path
    for path in (ROOT / "labeling").rglob("*.py")
    if {"views", "views.py", "forms", "forms.py", "templatetags"} & set(path.relative_to(ROOT).parts)
)
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")

# Everything of a template that is no text for people: tags, comments, what is translated, pictures and keys.
NOT_TEXT = re.compile(
    r"\{#.*?#\}|\{% blocktranslate.*?endblocktranslate %\}"
    r"|\{% block (?:body_class|form_class|form_data) %\}.*?\{% endblock %\}"
    r"|\{%.*?%\}|\{\{.*?\}\}|<svg.*?</svg>|<kbd>.*?</kbd>|<!doctype html>",
    flags=re.DOTALL,
)

# What is Chinese as it is: names, signs and numbers.
SAME_IN_CHINESE = {"Concord", "GPU"}


def in_templates() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES:
        for call in re.finditer(
            r"\b(?:_|gettext|ngettext)\(u?('''|\"\"\"|'|\")(.*?)\1", templatize(path.read_text()), re.DOTALL
        ):
            yield path.name, call[2].replace("\\'", "'")


def in_modules() -> Iterator[tuple[str, str]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path.name}:{node.lineno} hides its text from translators"
                yield path.name, str(first.value)


@cache
def catalogue() -> dict[str, polib.POEntry]:
    return {entry.msgid: entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete}


def translation(entry: polib.POEntry | polib.MOEntry) -> str:
    return str(entry.msgstr_plural[0] if entry.msgid_plural else entry.msgstr)


def is_chinese(text: str) -> bool:
    """Whether it has a character, or a mark of punctuation, that is Chinese."""
    return bool(re.search(r"[\u4e00-\u9fff\uff01-\uff5e]", text))


def is_translated(text: str) -> bool:
    entry = catalogue().get(text)
    if entry is None or entry.fuzzy or not translation(entry).strip():
        return False
    return text in SAME_IN_CHINESE or is_chinese(translation(entry))


def test_each_text_is_translated() -> None:
    """What is missing: run makemessages and translate it."""
    templates, modules = set(in_templates()), set(in_modules())
    assert len(templates) > 100
    assert len(modules) > 40
    assert [(name, text) for name, text in sorted(templates | modules) if not is_translated(text)] == []


def test_placeholders_survive_translation() -> None:
    for entry in catalogue().values():
        if translation(entry):
            assert set(PLACEHOLDER.findall(translation(entry))) == set(PLACEHOLDER.findall(entry.msgid)), entry.msgid


def test_the_compiled_catalogue_is_in_step() -> None:
    compiled = {entry.msgid: translation(entry) for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))}
    readable = {entry.msgid: translation(entry) for entry in polib.pofile(str(CATALOGUE)).translated_entries()}
    assert compiled == readable


def words_outside_tags(path: Path) -> set[str]:
    source = NOT_TEXT.sub(" ", path.read_text())
    shown = re.sub(r"<[^>]+>", " ", source)
    spoken = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', source)
    return set(re.findall(r"[A-Za-z]{2,}", " ".join([shown, *spoken])))


def test_no_template_has_a_text_that_translators_never_see() -> None:
    found = {path.name: words_outside_tags(path) - SAME_IN_CHINESE for path in TEMPLATES}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("english", "never"),
    [("campaign", "活动"), ("labeler", "标记员"), ("ranking", "排名次"), ("token", " token"), ("", "您")],
)
def test_one_thing_has_one_word(english: str, never: str) -> None:
    of_it = [entry for entry in catalogue().values() if english in entry.msgid.lower()]
    assert of_it
    assert [entry.msgid for entry in of_it if never in translation(entry)] == []


def test_what_django_says_by_itself_is_there_too() -> None:
    for app in ("conf", "contrib/auth", "contrib/admin"):
        path = f"{Path(django.__file__).parent}/{app}/locale/%s/LC_MESSAGES/django.po"
        english, chinese = polib.pofile(path % "en"), polib.pofile(path % "zh_Hans")
        there = {(entry.msgctxt, entry.msgid) for entry in [*chinese.translated_entries(), *catalogue().values()]}
        assert [entry.msgid for entry in english if (entry.msgctxt, entry.msgid) not in there] == [], app
