"""The time from one ranking to the next as a labeler meets it: real Chromium, a key pressed, the next page drawn with
live keys.

    python -m benchmarks.submit_to_next [--quick]

The server is `manage.py up`. A labeler rates seven completions by keys and hands in by Ctrl+Enter. The clock starts
with that key. The next page *shows* when the frame that has all its completions was drawn, and is *live* when a pressed
key moves: a script of the benchmark's presses → in every frame until it does. Both hold whether the browser changes
documents or not: all read the machine's own clock.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Error, Page

from benchmarks.desk.browser import chromium, logged_in
from benchmarks.desk.outcome import percentile
from benchmarks.desk.web import running_web
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

LIMIT_MS = 100.0
LONGEST_SECONDS = 30.0
WARM_UP = 5
LOOK_SECONDS = 0.6
"""A look at the order before it is handed in: no person presses eight keys in as many frames, and drawing those goes on
for a while without a graphics card."""

WATCH = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  const token = () => document.querySelector("form[data-token]")?.dataset.token;
  let shown = null;
  addEventListener("keydown", (event) => {
    if (!event.ctrlKey || event.key !== "Enter") return;
    sessionStorage.setItem("pressed", now());
    shown = null;
    requestAnimationFrame(() => look(token()));
  }, true);
  const look = (before) => {
    const again = () => requestAnimationFrame(() => look(before));
    if (token() === before || document.querySelectorAll("[data-card]").length < 7) return again();
    shown ??= requestAnimationFrame(() => (shown = now())); // the frame after the one that drew them
    const right = new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true });
    if (document.querySelector("[data-tiers] li")) document.activeElement.dispatchEvent(right);
    if (!document.activeElement?.matches("[data-card]")) return again();
    const since = (moment) => moment - Number(sessionStorage.getItem("pressed"));
    requestAnimationFrame(() => {
      window.live = { token: token(), shown: since(shown), after: since(now()), address: location.pathname };
    });
  };
  if (location.pathname.startsWith("/work/")) requestAnimationFrame(() => look());
})()"""


class NoNextPage(Exception):
    """A ranking was handed in and no other came; the message says what is there instead."""


def main(quick: bool) -> Sequence[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    times = 10 if quick else 60
    with scratch_concord() as directory:
        from benchmarks.desk import stage  # noqa: PLC0415  (needs Django set up)
        from labeling.desk.services.assignments import claim_ranking  # noqa: PLC0415  (needs Django set up)

        set_up = stage.set_stage(tasks=times + WARM_UP + 1, labelers=1)
        stage.analyze()
        held = claim_ranking(labeler=set_up.labelers[0])
        assert held is not None
        with (
            running_web(directory) as web,
            chromium() as browser,
            logged_in(browser, web.port, set_up.accounts()[0], stage.PASSWORD) as context,
        ):
            context.add_init_script(WATCH)
            page = context.new_page()
            page.goto(f"/work/{held.token}/")
            tokens, waits = _rank(page, times + WARM_UP)
        stage.check(set_up, tokens)
    shown, live = zip(*waits[WARM_UP:], strict=True)
    return _measures("shown", shown) + _measures("live", live)


def _rank(page: Page, times: int) -> tuple[list[str], list[tuple[float, float]]]:
    """Tokens of what was handed in, and milliseconds until the next page was shown and until it was live."""
    tokens, waits = [], []
    token, _ = _when_live(page, after="")
    for _ in range(times):
        for _completion in range(7):
            page.keyboard.press(str(random.randint(1, 7)))
        time.sleep(LOOK_SECONDS)
        page.keyboard.press("Control+Enter")
        tokens.append(token)
        token, waited = _when_live(page, after=token)
        waits.append(waited)
    return tokens, waits


def _when_live(page: Page, *, after: str) -> tuple[str, tuple[float, float]]:
    """The next page's token, and the milliseconds from the key until it was shown and live. Raises NoNextPage."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        live = _live(page)
        if live is not None and live["token"] != after:
            if live["address"] != f"/work/{live['token']}/":
                raise NoNextPage(f"The page of {live['token']} stands at {live['address']}.")
            return live["token"], (live["shown"], live["after"])
        time.sleep(0.3)  # the page keeps its own time; polling it would slow it down
    raise NoNextPage(f"{page.url}: {page.locator('main').inner_text()[:500]}")


def _live(page: Page) -> dict[str, Any] | None:
    try:
        live: dict[str, Any] | None = page.evaluate("window.live ?? null")
    except Error:  # asked while one page gave way to the next
        return None
    return live


def _measures(what: str, waits: Sequence[float]) -> list[Measure]:
    def milliseconds(name: str, value: float, *, peer_value: float | None = None) -> Measure:
        peer = "" if peer_value is None else "what it may take"
        return Measure(name=name, value=value, unit="ms", better="less", peer=peer, peer_value=peer_value)

    return [
        milliseconds(f"key to next page {what}, p50", percentile(waits, 50)),
        milliseconds(f"key to next page {what}, p95", percentile(waits, 95), peer_value=LIMIT_MS),
        milliseconds(f"key to next page {what}, slowest", max(waits)),
    ]


if __name__ == "__main__":
    run(main)
