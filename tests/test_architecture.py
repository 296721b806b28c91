"""The rules of docs/architecture.md, proven on every import of the tree.

Each rule is a function from a tree to its violations, and each is shown a small tree that breaks it: a rule that cannot
fail proves nothing.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.imports import Import, circles, graph_at_import, imports_of, modules_of, reached_at_import

ROOT = Path(__file__).resolve().parent.parent
# The top packages, and which others each may import: only earlier ones, so that they form no circle.
MAY_IMPORT = {
    "lm": set[str](),
    "sampler": {"lm"},
    "rm_trainer": {"lm"},
    "policy_trainer": {"rm_trainer", "sampler", "lm"},
    "laptop": {"lm"},
    "config": {"laptop"},
    "labeling": {"config", "policy_trainer", "rm_trainer", "sampler", "lm"},
    "benchmarks": {"labeling", "config", "laptop", "policy_trainer", "rm_trainer", "sampler", "lm"},
}
PACKAGES = tuple(MAY_IMPORT)

# The capabilities of labeling/, each of which knows those before it (docs/architecture.md).
CAPABILITIES = (
    "base",
    "model_versions",
    "people",
    "campaigns",
    "ranking_tasks",
    "desk",
    "writing",
    "simulation",
    "quality",
    "review",
    "pay",
    "onboarding",
    "home",
    "imports",
    "exports",
    "rewards",
    "training",
    "policies",
    "evaluations",
    "loop",
    "conversations",
    "alerts",
    "api",
    "serving",
    "playground",
    "console",
)
# What a capability is made of, each of which knows those before it.
LAYERS = ("rules", "models", "queries", "services", "forms", "views", "admin")
# Modules of labeling/ that know every capability: addresses, Celery's tasks, commands, registrations.
ABOVE_ALL = (
    "admin",
    "apps",
    "kinds_of_work",
    "management",
    "models",
    "tasks",
    "templatetags",
    "urls",
    "worker_models",
)

# Late imports of code that brings torch, each in the one place that only workers run.
HEAVY_LATE_IMPORTS = {
    ("labeling.worker_models", "rm_trainer.scorer"),
    ("labeling.worker_models", "sampler.transformers_sampler"),
}
HEAVY = frozenset({"torch", "transformers", "accelerate"})
# The programs that know no Django, and what they share under them.
PROGRAMS = ("sampler", "rm_trainer", "policy_trainer")
GROUND_FLOOR = ("lm", *PROGRAMS)
# Parts of lm/ that bring torch; the web and the light workers import all the others.
WITH_TORCH = ("lm.device", "lm.fused_rms_norm", "lm.layers", "lm.prefix_sharing", "lm.pretrained",
              "lm.rendering", "lm.training")  # fmt: skip
# What labeling knows of the programs at import.
WITHOUT_TORCH = (
    "lm.training.arguments",
    "lm.training.presets",
    "policy_trainer.arguments",
    "policy_trainer.metrics",
    "rm_trainer.evaluation.bootstrap",
    "rm_trainer.evaluation.figures",
    "rm_trainer.metrics",
    "rm_trainer.protocol",
    "sampler.backends.answers",
    "sampler.backends.connection",
    "sampler.backends.dialects",
    "sampler.backends.server",
    "sampler.chat_contract.answers",
    "sampler.chat_contract.errors",
    "sampler.chat_contract.requests",
    "sampler.protocol",
)
NOT_ON_THE_GROUND_FLOOR = frozenset({"django", "celery", "rest_framework", "psycopg2", "redis"})
NAMES_THAT_SAY_NOTHING = frozenset({"utils", "util", "common", "helpers", "helper", "misc"})
ENQUEUING_CALLS = frozenset({"delay", "apply_async", "send_task"})
ENQUEUER = "labeling.base.outbox"

Rule = Callable[[Path], list[str]]


def capability_of(module: str) -> str | None:
    """The capability of a labeling module; None for what stands above all of them and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "labeling" and len(parts) > 1 and parts[1] in CAPABILITIES else None


def layer_of(module: str) -> int | None:
    """The layer of a capability's module; None for modules of base, which have no layers, and for packages."""
    if capability_of(module) in {None, "base"}:
        return None
    return next((LAYERS.index(part) for part in module.split(".")[2:] if part in LAYERS), None)


def all_imports(root: Path) -> list[Import]:
    return imports_of(modules_of(root, PACKAGES))


def top(name: str) -> str:
    return name.partition(".")[0]


def modules_of_no_capability(root: Path) -> list[str]:
    return [
        f"{module} belongs to no capability"
        for module in modules_of(root, ("labeling",))
        if "." in module and module.split(".")[1] not in {*CAPABILITIES, *ABOVE_ALL, "migrations"}
    ]


def modules_without_layer(root: Path) -> list[str]:
    return [
        f"{module} has no layer"
        for module, path in modules_of(root, ("labeling",)).items()
        if capability_of(module) not in {None, "base"} and path.name != "__init__.py" and layer_of(module) is None
    ]


def later_capabilities_imported(root: Path) -> list[str]:
    found = []
    for each in all_imports(root):
        here, there = capability_of(each.source), capability_of(each.target)
        if here and there and CAPABILITIES.index(there) > CAPABILITIES.index(here):
            found.append(str(each))
        elif here and top(each.target) == "labeling" and not there and each.target != "labeling":
            found.append(str(each))  # what stands above all capabilities
    return found


def later_layers_imported(root: Path) -> list[str]:
    found = []
    for each in all_imports(root):
        here, there = layer_of(each.source), layer_of(each.target)
        same = capability_of(each.source) == capability_of(each.target)
        if same and here is not None and there is not None and there > here:
            found.append(str(each))
    return found


def impure_rules(root: Path) -> list[str]:
    """Rules know neither Django nor a database: of labeling/ only other rules and base."""
    foreign = {"django", "celery", "rest_framework", "config", *PROGRAMS}
    rules = LAYERS.index("rules")
    found = []
    for each in all_imports(root):
        program = top(each.target) in foreign and each.target not in WITHOUT_TORCH
        other_layer = capability_of(each.target) not in {None, "base"} and layer_of(each.target) != rules
        if layer_of(each.source) == rules and (program or other_layer):
            found.append(str(each))
    return found


def import_circles(root: Path) -> list[str]:
    return [" ⇄ ".join(circle) for circle in circles(all_imports(root))]


def folder_circles(root: Path) -> list[str]:
    """A folder is a package directory; a capability is one with all that is in it, for layers order its inside."""
    modules = modules_of(root, PACKAGES)

    def folder_of(module: str) -> str:
        if capability := capability_of(module):
            return f"labeling.{capability}"
        return module if modules[module].name == "__init__.py" else module.rpartition(".")[0]

    between = [
        replace(each, source=folder_of(each.source), target=folder_of(each.target))
        for each in imports_of(modules)
        if each.target in modules and folder_of(each.source) != folder_of(each.target)
    ]
    return [" ⇄ ".join(circle) for circle in circles(between)]


def django_on_the_ground_floor(root: Path) -> list[str]:
    return [
        str(each)
        for each in all_imports(root)
        if top(each.source) in GROUND_FLOOR and top(each.target) in NOT_ON_THE_GROUND_FLOOR
    ]


def top_packages_that_import_later_ones(root: Path) -> list[str]:
    """The project, for one, knows the app by its name in settings, urls and beat entries only."""
    return [
        str(each)
        for each in all_imports(root)
        if top(each.target) in MAY_IMPORT and top(each.target) not in MAY_IMPORT[top(each.source)] | {top(each.source)}
    ]


def modules_without_torch(root: Path) -> list[str]:
    lm = [
        module
        for module in modules_of(root, ("lm",))
        if not f"{module}.".startswith(tuple(f"{one}." for one in WITH_TORCH))
    ]
    return [*modules_of(root, ("laptop", "config", "labeling")), *lm, *WITHOUT_TORCH]


def torch_at_import(root: Path) -> list[str]:
    graph = graph_at_import(all_imports(root))
    return [
        f"import {module} brings {', '.join(sorted(heavy))}"
        for module in modules_without_torch(root)
        if (heavy := {top(name) for name in reached_at_import([module], graph)} & HEAVY)
    ]


def unlisted_late_torch(root: Path) -> list[str]:
    imports = all_imports(root)
    graph = graph_at_import(imports)
    return [
        str(each)
        for each in imports
        if each.late
        and top(each.source) in {"laptop", "config", "labeling"}
        and {top(name) for name in reached_at_import([each.target], graph)} & HEAVY
        and (each.source, each.target) not in HEAVY_LATE_IMPORTS
    ]


def enqueuing_elsewhere(root: Path) -> list[str]:
    return [
        f"{module}:{node.lineno} calls .{node.func.attr}()"
        for module, node in _calls(modules_of(root, ("laptop", "config", "labeling")))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ENQUEUING_CALLS and module != ENQUEUER
    ]


def environment_read_elsewhere(root: Path) -> list[str]:
    """Settings are read once, in config/settings/; what a variable of libraries needs is passed on as a whole."""
    found = []
    for module, node in _calls(modules_of(root, ("laptop", "config", "labeling"))):
        if ast.unparse(node.func) in {"os.getenv", "os.environ.get"} and not module.startswith("config.settings"):
            found.append(f"{module}:{node.lineno} reads the environment")
    return found


def names_that_say_nothing(root: Path) -> list[str]:
    return [module for module in modules_of(root, PACKAGES) if NAMES_THAT_SAY_NOTHING & set(module.split("."))]


def _calls(modules: Mapping[str, Path]) -> Iterator[tuple[str, ast.Call]]:
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Call):
                yield module, node


RULES: dict[Rule, dict[str, str]] = {
    # rule → a tree that breaks it
    modules_of_no_capability: {"labeling/surprise.py": ""},
    modules_without_layer: {"labeling/desk/surprise.py": ""},
    later_capabilities_imported: {
        "labeling/people/services.py": "def suspend():\n    from labeling.desk import models\n",
        "labeling/desk/models.py": "",
    },
    later_layers_imported: {
        "labeling/desk/services/rankings.py": "def submit():\n    from labeling.desk.ranking.views import page\n",
        "labeling/desk/ranking/views.py": "",
    },
    impure_rules: {
        "labeling/desk/rules.py": "from labeling.people.services import check\n",
        "labeling/people/services.py": "",
    },
    import_circles: {
        "labeling/services/a.py": "from labeling.services import b\n",
        "labeling/services/b.py": "def late():\n    from labeling.services.a import something\n",
    },
    folder_circles: {
        "sampler/engine.py": "def late():\n    from sampler.backends import vllm\n",
        "sampler/backends/vllm.py": "from sampler.engine import Engine\n",
        "sampler/backends/__init__.py": "",
    },
    django_on_the_ground_floor: {"sampler/engine.py": "from django.conf import settings\n"},
    top_packages_that_import_later_ones: {
        "laptop/up.py": "def late():\n    from config.celery import app\n",
        "config/celery.py": "",
    },
    torch_at_import: {
        "labeling/views/desk.py": "from labeling.services import sampling\n",
        "labeling/services/sampling.py": "from sampler.engine import Engine\n",
        "sampler/engine.py": "import torch\n",
    },
    unlisted_late_torch: {
        "labeling/tasks.py": "def sample():\n    from sampler.engine import Engine\n",
        "sampler/engine.py": "import torch.nn\n",
    },
    enqueuing_elsewhere: {"labeling/services/prompts.py": "task.delay(3)\n"},
    environment_read_elsewhere: {"labeling/export.py": "import os\nwhere = os.environ.get('OUT')\n"},
    names_that_say_nothing: {"labeling/desk/services/utils.py": ""},
}


def documented(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading of docs/architecture.md, row by row."""
    section = (ROOT / "docs" / "architecture.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]


def names_in(rows: list[list[str]]) -> list[str]:
    return [name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row[0])]


def children(package: str) -> set[str]:
    """What lies directly in a package, but for what runs it."""
    there = [path for path in (ROOT / package).iterdir() if path.is_dir() or path.suffix == ".py"]
    return {path.stem for path in there if not path.name.startswith("__")}


def test_the_documented_packages_are_the_packages() -> None:
    assert set(names_in(documented("The packages"))) == set(PACKAGES)


def test_the_documented_capabilities_and_layers_are_those_of_the_rules_in_their_order() -> None:
    assert names_in(documented("The capabilities of `labeling/`")) == [*CAPABILITIES, *LAYERS]


def test_the_documented_parts_of_the_programs_are_all_there_are() -> None:
    shared = documented("What programs share: `lm/`")
    assert set(names_in(shared)) == children("lm") | children("lm/training")
    assert {f"lm.{name}" for name in names_in([row for row in shared if row[-1] == "yes"])} == set(WITH_TORCH)
    commands = {"train", "evaluate", "folds", "score"}
    assert set(names_in(documented("The parts of `rm_trainer/`"))) == children("rm_trainer") - commands
    commands = {"sft", "ppo", "best_of_n", "dpo"}
    assert set(names_in(documented("The parts of `policy_trainer/`"))) == children("policy_trainer") - commands


def test_what_stands_above_all_capabilities_is_documented() -> None:
    text = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    sentence = text.partition("Above all of them stand ")[2].partition(":")[0]
    assert tuple(re.findall(r"`(\w+)`", sentence)) == ABOVE_ALL


def test_top_packages_stand_in_an_order() -> None:
    packages = list(MAY_IMPORT)
    assert all(
        packages.index(other) < packages.index(package) for package, others in MAY_IMPORT.items() for other in others
    )


def test_the_rules_look_at_a_tree_that_is_there() -> None:
    assert len(modules_of(ROOT, PACKAGES)) > 50
    assert len(all_imports(ROOT)) > 200


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_a_tree_that_breaks_it(rule: Rule, tmp_path: Path) -> None:
    for name, source in RULES[rule].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert rule(tmp_path) != []


def test_listed_late_imports_of_torch_are_still_there() -> None:
    late = {(each.source, each.target) for each in all_imports(ROOT) if each.late}
    assert late >= HEAVY_LATE_IMPORTS


@pytest.mark.processes
def test_the_ground_floor_is_imported_without_torch_and_without_django() -> None:
    """In a process of its own, as the web server and the light workers import it."""
    modules = [module for module in modules_without_torch(ROOT) if top(module) in GROUND_FLOOR]
    assert len(modules) > 10
    program = f"""
import importlib, sys
for module in {modules!r}:
    importlib.import_module(module)
assert not {{"torch", "transformers", "django"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.processes
def test_the_web_process_never_imports_torch() -> None:
    program = """
import sys
from config import wsgi
from django.urls import get_resolver

def walk(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns)
        else:
            yield pattern.callback

views = list(walk(get_resolver().url_patterns))
print(len(views), sorted({"torch", "transformers"} & set(sys.modules)))
"""
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    count, _, heavy = finished.stdout.partition(" ")
    assert int(count) > 20
    assert heavy.strip() == "[]"
