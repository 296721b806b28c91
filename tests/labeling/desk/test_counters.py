"""Where the places of tasks and prompts are counted: in no more than two files."""

import ast
import re
from pathlib import Path

import labeling

ROOT = Path(labeling.__file__).parent
COUNTERS = ("rankings_open", "rankings_done", "demonstrations_open", "demonstrations_done")
WRITING_CALLS = ("update", "create", "get_or_create")
SQL = re.compile(rf"UPDATE\s+labeling_(rankingtask|prompt)\b.*?\bSET\b.*?\b({'|'.join(COUNTERS)})\s*=", re.DOTALL)


def writes_a_counter(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in COUNTERS:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING_CALLS:
            names = {keyword.arg for keyword in node.keywords}
            if names & set(COUNTERS):
                return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
            return True
    return False


def test_counters_move_where_leases_are_kept_and_where_work_is_claimed() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if writes_a_counter(path.read_text())}
    assert found == {"desk/services/leases.py", "migrations/0003_next_task.py"}


def test_every_way_to_write_one_is_found() -> None:
    assert writes_a_counter("task.rankings_open = 3")
    assert writes_a_counter("task.rankings_done += 1")
    assert writes_a_counter("prompts.update(demonstrations_open=F('demonstrations_open') - 1)")
    assert writes_a_counter("SQL = 'UPDATE labeling_prompt AS p SET demonstrations_done = 1'")
    assert not writes_a_counter("tasks.annotate(rankings_done=Count('pk')).filter(rankings_open=0)")
