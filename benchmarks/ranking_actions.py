"""What it takes to rank: keys and drags for whole rankings of 4, 7 and 9 completions, in real Chromium.

    python -m benchmarks.ranking_actions [--quick]

The server is `manage.py up`. Every order is drawn at random, with ties; afterwards the tiers must show exactly it.
"""

import random
from collections.abc import Callable, Sequence
from statistics import mean

from playwright.sync_api import Locator, Page

from benchmarks.desk.browser import chromium, logged_in
from benchmarks.desk.web import running_web
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

KS = (4, 7, 9)
LETTERS = "ABCDEFGHI"
LABEL_STUDIO_DRAGS = {7: 3.5}  # on average, starting from the order that it shows, without ties

# So that each ranking begins with nothing rated: no draft leaves the page, and none comes back.
KEEPS_NOTHING = "localStorage.clear(); window.fetch = () => Promise.reject(new TypeError('kept apart'));"

Tiers = list[str]


class Unranked(Exception):
    """The tiers show another order than the one that was made: the count would count something else."""


class Hands:
    """A page, and how often somebody acted on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.actions += 1

    def drag(self, what: Locator, onto: Locator, *, across: float = 0.5) -> None:
        self.page.mouse.move(*_middle(what, 0.5))
        self.page.mouse.down()
        self.page.mouse.move(*_middle(onto, across), steps=4)
        self.page.mouse.up()
        self.actions += 1


def _middle(place: Locator, across: float) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2


def by_ratings(hands: Hands, order: Tiers) -> None:
    """Rates every card by its tier; the ranks follow."""
    for letter in sorted("".join(order)):
        hands.press(str(7 - _tier_of(order, letter)))


def by_drags(hands: Hands, order: Tiers) -> None:
    """Drags each card's chip from “not ranked” to its tier, best first."""
    for rank, tier in enumerate(order, start=1):
        for number, letter in enumerate(tier):
            chip = hands.page.locator(f"[data-chip='{letter}']")
            if rank == 1 and number == 0:
                hands.drag(chip, hands.page.locator("[data-tier=start]"))
            elif number == 0:
                hands.drag(chip, hands.page.locator(f"[data-tier='{rank - 1}']"), across=0.95)
            else:
                hands.drag(chip, hands.page.locator(f"[data-tier='{rank}']"))


def by_keys(hands: Hands, order: Tiers) -> None:
    """Shift with a digit gives each card its rank and goes on to the next."""
    for letter in sorted("".join(order)):
        hands.press(f"Shift+Digit{_tier_of(order, letter) + 1}")


def by_duels(hands: Hands, order: Tiers) -> None:
    """Answers what is asked. Opening the first duel counts as well."""
    hands.press("d")
    stage = hands.page.locator("[data-duel][open]")
    stage.wait_for()
    while stage.count():
        left, right = (name.split(" ")[0] for name in stage.locator("[data-duel-name]").all_inner_texts())
        mine, theirs = _tier_of(order, left), _tier_of(order, right)
        hands.press("ArrowLeft" if mine < theirs else "ArrowRight" if mine > theirs else "ArrowDown")


MEANS: dict[str, Callable[[Hands, Tiers], None]] = {
    "from ratings": by_ratings,
    "by drags": by_drags,
    "by keys": by_keys,
    "by duels": by_duels,
}


def main(quick: bool) -> Sequence[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    rounds = 2 if quick else 8
    with scratch_concord() as directory:
        from benchmarks.desk import stage  # noqa: PLC0415  (needs Django set up)
        from labeling.desk.services.assignments import claim_ranking  # noqa: PLC0415  (needs Django set up)

        held = {}
        for k in KS:
            set_up = stage.set_stage(tasks=1, labelers=1, lengths=[60 + 40 * number for number in range(k)])
            claimed = claim_ranking(labeler=set_up.labelers[0])
            assert claimed is not None
            held[k] = (set_up.accounts()[0], f"/work/{claimed.token}/")
        with running_web(directory) as web, chromium() as browser:
            counted = {}
            for k, (account, path) in held.items():
                with logged_in(browser, web.port, account, stage.PASSWORD) as context:
                    context.add_init_script(KEEPS_NOTHING)
                    counted[k] = _count(context.new_page(), path, k=k, rounds=rounds)
    return [measure for k in KS for measure in _measures(k, counted[k])]


def _count(page: Page, path: str, *, k: int, rounds: int) -> dict[str, float]:
    """Mean actions of each way, over the same orders."""
    chance = random.Random(k)
    orders = [_order(k, chance) for _ in range(rounds)]
    return {name: mean(_actions(page, path, way, order) for order in orders) for name, way in MEANS.items()}


def _actions(page: Page, path: str, way: Callable[[Hands, Tiers], None], order: Tiers) -> int:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    hands = Hands(page)
    way(hands, order)
    shown = page.locator("[data-tiers] li").evaluate_all(
        "items => items.map(item => [...item.querySelectorAll('[data-chip]')].map(chip => chip.dataset.chip).join(''))"
    )
    if shown != order:
        raise Unranked(f"{way.__name__} made {shown} of {order}.")
    return hands.actions


def _order(k: int, chance: random.Random) -> Tiers:
    """Tiers at random, at most seven, so that ratings can say them."""
    tier_of = [chance.randrange(min(k, 7)) for _ in range(k)]
    tiers = ["".join(LETTERS[at] for at in range(k) if tier_of[at] == tier) for tier in range(7)]
    return [tier for tier in tiers if tier]


def _tier_of(order: Tiers, letter: str) -> int:
    return next(number for number, tier in enumerate(order) if letter in tier)


def _measures(k: int, counted: dict[str, float]) -> list[Measure]:
    submit = 1
    drags = LABEL_STUDIO_DRAGS.get(k)
    return [
        _less(f"K={k}, rated, ranked and submitted", counted["from ratings"] + submit, "Argilla, ranked alone", k + 1),
        _less(f"K={k}, of these for the ranking alone", counted["from ratings"] - k),
        _less(f"K={k}, ranked by drags", counted["by drags"], "Label Studio" if drags else "", drags),
        _less(f"K={k}, ranked by keys and submitted", counted["by keys"] + submit, "Argilla", k + 1),
        _less(f"K={k}, ranked by duels", counted["by duels"]),
    ]


def _less(name: str, value: float, peer: str = "", peer_value: float | None = None) -> Measure:
    return Measure(name=name, value=value, unit="actions", better="less", peer=peer, peer_value=peer_value)


if __name__ == "__main__":
    run(main)
