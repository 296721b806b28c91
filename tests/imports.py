"""Reads every import of a source tree without running it: also those inside functions and TYPE_CHECKING blocks."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Import:
    """`target` is a module of the tree where one is meant, else the dotted name as it is written."""

    source: str
    target: str
    line: int
    late: bool  # inside a function, so that it runs only when that does
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def modules_of(root: Path, packages: tuple[str, ...]) -> dict[str, Path]:
    """Dotted name → file of every module; a package goes by its own name."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(modules: Mapping[str, Path]) -> list[Import]:
    return [found for name, path in modules.items() for found in _imports_in(name, path, modules)]


def circles(imports: list[Import]) -> list[list[str]]:
    """Groups of modules that reach each other, and themselves."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        graph.setdefault(found.source, set()).add(found.target)
        graph.setdefault(found.target, set())
    return _strongly_connected(graph)


def graph_at_import(imports: list[Import]) -> Graph:
    """What each module brings along: its imports outside functions, with their packages."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        if not found.late and not found.typing_only:
            graph.setdefault(found.source, set()).update(_with_packages(found.target))
    return graph


def reached_at_import(starts: Iterable[str], graph: Graph) -> set[str]:
    """Everything that importing these modules brings along."""
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(graph.get(module, ()))
    return reached


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _imports_in(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, late, typing_only in _import_nodes_of(path, path.stat().st_mtime_ns):
        for target in _targets(node, package, modules):
            yield Import(name, target, node.lineno, late, typing_only)


@cache
def _import_nodes_of(path: Path, _changed_at: int) -> list[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Read once in a process: to parse the whole tree takes seconds, and many tests ask."""
    return list(_import_nodes(ast.parse(path.read_text(), str(path)), late=False, typing_only=False))


def _import_nodes(
    tree: ast.AST, *, late: bool, typing_only: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, late, typing_only
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guarded = isinstance(child, ast.If) and _is_for_typing(child.test)
            yield from _import_nodes(child, late=late or inside, typing_only=typing_only or guarded)


def _is_for_typing(test: ast.expr) -> bool:
    return any("TYPE_CHECKING" in {getattr(each, "id", ""), getattr(each, "attr", "")} for each in ast.walk(test))


def _targets(node: ast.Import | ast.ImportFrom, package: str, modules: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full in modules else base


def _strongly_connected(graph: Mapping[str, set[str]]) -> list[list[str]]:
    reach = {module: _reachable(module, graph) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted(sorted(group) for group in groups if group)


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    """What `start` reaches in one step or more; itself only if a circle leads back."""
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(graph[module])
    return reached
