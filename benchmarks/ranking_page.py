"""The page of a ranking in real Chromium: bytes on the wire, and how soon it is drawn with its keys live.

    python -m benchmarks.ranking_page [--quick]

The server is `manage.py up`. Each first load has a browser profile of its own, whose cache is empty; the reload is the
same page again. Interactive is when all seven completions and the tiers are drawn and a pressed key moves: a script of
the benchmark's presses → in every frame until it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

from benchmarks.desk.browser import chromium, logged_in
from benchmarks.desk.web import running_web
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

LABEL_STUDIO = "Label Studio"
POTATO = "Potato"
# Measured once on a machine of this kind, with the same task: and the sooner of several times.
PEER_KILOBYTES = {LABEL_STUDIO: 8200, POTATO: 1570}
PEER_SECONDS = {LABEL_STUDIO: 2.9, POTATO: 0.56}

PRESS_UNTIL_IT_MOVES = """(() => {
  const look = () => {
    const drawn = document.querySelectorAll("[data-card]").length === 7 && document.querySelector("[data-tiers] li");
    if (drawn) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    if (document.activeElement?.matches("[data-card]")) window.interactiveAfter = performance.now();
    else requestAnimationFrame(look);
  };
  if (location.pathname.startsWith("/work/")) requestAnimationFrame(look);
})()"""


@dataclass
class Traffic:
    """What one load asked for over the wire: addresses, and bytes with their headers, by the browser's own numbers."""

    addresses: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)

    def forget(self) -> None:
        self.addresses.clear()
        self.sizes.clear()

    def asked(self, event: Mapping[str, Any]) -> None:
        self.addresses[event["requestId"]] = event["request"]["url"]

    def came_from_cache(self, event: Mapping[str, Any]) -> None:
        self.addresses.pop(event["requestId"], None)

    def answered(self, event: Mapping[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self.came_from_cache(event)

    def ended(self, event: Mapping[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def load(self, seconds: float) -> "Load":
        asked = list(self.addresses.values())
        return Load(
            kilobytes=sum(self.sizes[each] for each in self.addresses if each in self.sizes) / 1000,
            files=sum("/static/" in address for address in asked),
            foreign=sum(urlsplit(address).hostname != "127.0.0.1" for address in asked),
            seconds=seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Load:
    kilobytes: float
    files: int
    foreign: int
    seconds: float


def main(quick: bool) -> Sequence[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    with scratch_concord() as directory:
        from benchmarks.desk import stage  # noqa: PLC0415  (needs Django set up)
        from labeling.desk.services.assignments import claim_ranking  # noqa: PLC0415  (needs Django set up)

        set_up = stage.set_stage(tasks=3, labelers=1)
        held = claim_ranking(labeler=set_up.labelers[0])
        assert held is not None
        loads = []
        with running_web(directory) as web, chromium() as browser:
            for _ in range(3 if quick else 15):
                with logged_in(browser, web.port, set_up.accounts()[0], stage.PASSWORD) as context:
                    loads.append(_load_twice(context, f"/work/{held.token}/"))
    return _measures([first for first, _ in loads], [again for _, again in loads])


def _load_twice(context: BrowserContext, path: str) -> tuple[Load, Load]:
    context.add_init_script(PRESS_UNTIL_IT_MOVES)
    page = context.new_page()
    traffic = Traffic()
    browser = context.new_cdp_session(page)
    browser.on("Network.requestWillBeSent", traffic.asked)
    browser.on("Network.requestServedFromCache", traffic.came_from_cache)
    browser.on("Network.responseReceived", traffic.answered)
    browser.on("Network.loadingFinished", traffic.ended)
    browser.send("Network.enable")
    page.goto(path)
    first = _when_live(page, traffic)
    traffic.forget()
    page.reload()
    return first, _when_live(page, traffic)


def _when_live(page: Page, traffic: Traffic) -> Load:
    page.wait_for_load_state("networkidle")
    milliseconds: float | None = page.evaluate("window.interactiveAfter ?? null")
    if milliseconds is None:
        raise RuntimeError("The page was loaded, and no key moved anything.")
    return traffic.load(milliseconds / 1000)


def _measures(first: Sequence[Load], again: Sequence[Load]) -> list[Measure]:
    bytes_, seconds = median(load.kilobytes for load in first), median(load.seconds for load in first)
    reload = median(load.seconds for load in again)
    beside = [
        measure
        for peer in (LABEL_STUDIO, POTATO)
        for measure in (
            _less(f"first load, beside {peer}", bytes_, "kB", peer=peer, peer_value=PEER_KILOBYTES[peer]),
            _less(f"interactive, beside {peer}", seconds, "s", peer=peer, peer_value=PEER_SECONDS[peer]),
        )
    ]
    return [
        *beside,
        _less("interactive, slowest of all first loads", max(load.seconds for load in first), "s"),
        _less("files of a first load", median(load.files for load in first), "requests"),
        _less("warm reload, HTML", median(load.kilobytes for load in again), "kB"),
        _less("warm reload, everything else", max(load.files for load in again), "requests"),
        _less("warm reload, interactive", reload, "s"),
        _less("requests to other hosts", max(load.foreign for load in [*first, *again]), "requests"),
    ]


def _less(name: str, value: float, unit: str, *, peer: str = "", peer_value: float | None = None) -> Measure:
    return Measure(name=name, value=value, unit=unit, better="less", peer=peer, peer_value=peer_value)


if __name__ == "__main__":
    run(main)
