"""The sentences of refusals as they stand in the code, for tests that each can be read in another language."""

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path


def refusals_said(
    paths: Collection[Path], classes: Collection[str], parts: Mapping[str, str], keywords: Collection[str] = ("reason",)
) -> Iterator[str]:
    """What these exceptions, or calls of these functions, are made with, first or by one of `keywords`: 7 stands for
    each variable part that `parts` does not name.
    """
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in classes:
                for given in [*node.args[:1], *(each.value for each in node.keywords if each.arg in keywords)]:
                    said = _text(given, parts)
                    if len(said.split()) > 2:  # a text of its own, and no other one's passed on
                        yield said


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr, parts: Mapping[str, str]) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, parts) for part in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return parts.get(node.value.id, "7")
    return str(node.value) if isinstance(node, ast.Constant) else "7"
