"""The pure modules of static/, whose tests are *.test.js: node runs them where it is, else one page of a browser.

Set JS_TESTS_IN=browser to run them in the browser all the same.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.conftest import browser, monkeymodule  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
TESTS = sorted(path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.rglob("*.test.js"))
HOME = "http://modules.test"
NODE = None if os.environ.get("JS_TESTS_IN") == "browser" else shutil.which("node")

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
