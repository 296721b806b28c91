"""The pure modules of static/, whose tests are *.test.js: node runs them where it is, else one page of a browser.

Set JS_TESTS_IN=browser to run them in the browser all the same.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.conftest import browser, monkeypackage  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
TESTS = sorted(path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.rglob("*.test.js"))
HOME = "http://modules.test"
NODE = None if os.environ.get("JS_TESTS_IN") == "browser" else shutil.which("node")

KEY_FIELDS = "key|code|keyCode|isComposing|repeat|ctrlKey|metaKey|altKey|shiftKey|getModifierState"
READS_KEYS = re.compile(rf"(?<!dataset)\.(?:{KEY_FIELDS})\b(?!\()")
LISTENS = re.compile(r"""["']key(?:down|up|press)["']""")

RUN = """async (tests) => {
  for (const test of tests) await import(`/${test}`);
  return (await import("/tests/static/harness.js")).run();
}"""


@pytest.mark.skipif(NODE is None, reason="no node here: the browser runs them")
def test_in_node() -> None:
    assert NODE is not None
    run = subprocess.run(
        [NODE, "--test", *TESTS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.browser
@pytest.mark.skipif(NODE is not None, reason="node runs them")
def test_in_the_browser(browser: Browser) -> None:  # noqa: F811
    def serve(route: Route) -> None:
        path = ROOT / route.request.url.removeprefix(f"{HOME}/")
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type="text/javascript")
        else:
            route.fulfill(body="<!DOCTYPE html>", content_type="text/html")

    page = browser.new_page()
    page.route(f"{HOME}/**", serve)
    page.goto(f"{HOME}/")
    results: dict[str, str | None] = page.evaluate(RUN, TESTS)
    page.close()
    assert len(results) > len(TESTS)
    assert {name: fault for name, fault in results.items() if fault} == {}


def test_one_script_reads_keys() -> None:
    """Others ask it: what a key means is said once for all layouts, and composing and held keys are not forgotten."""
    scripts = {path.relative_to(ROOT / "static").as_posix(): path.read_text() for path in ROOT.glob("static/**/*.js")}
    readers = {name for name, script in scripts.items() if READS_KEYS.search(script)}
    assert readers == {"base/keys.js"}
    listeners = {name for name, script in scripts.items() if LISTENS.search(script)}
    assert listeners == {"base/keys.js", "desk/active-time.js"}  # the latter only looks whether there is anybody


def test_the_keys_of_buttons_are_named_as_the_script_names_them() -> None:
    pages = [path.read_text() for path in ROOT.glob("templates/**/*.html")]
    keys = [key for page in pages for key in re.findall(r'data-button-key="([^"]+)"', page)]
    assert len(keys) > 10
    named = re.compile(r"Ctrl\+Enter|Alt\+(?:[a-z]|\{\{ suggestion\.number \}\})")
    assert [key for key in keys if not named.fullmatch(key)] == []
