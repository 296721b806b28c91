"""Whether the figures on labels are right: intervals that hold what was planted, and who is flagged.

    python -m benchmarks.label_quality [--quick]

Worlds without a database, of the labelers whom `manage.py simulate_labelers` plants, and the rules by which the pages
count (labeling/quality/). The agreement of twelve labelers, and how often the first one shown comes first, have 95%
intervals in 200 worlds of 240 prompts; the planted value is counted over thousands of prompts that all of them rank.
Then forty labelers, four of them planted, rank 60 shared items each. The peer is a plain threshold on the agreement
with the others, at the height that flags 5% of the honest ones in these very worlds: as good as it can be chosen.
"""

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.labels.coverage import coverage
from benchmarks.labels.outliers import BIAS, Outcome, outliers

WORLDS, QUICK_WORLDS = 200, 6
PROMPTS_OF_TRUTH, QUICK_PROMPTS_OF_TRUTH = 6000, 600
PEER = "plain threshold on agreement"
HALF_AS_STRONG = "half as strong"


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """About eight minutes; --quick has few worlds, too few for a coverage that means anything."""
    worlds = QUICK_WORLDS if quick else WORLDS
    print(f"{worlds} worlds", flush=True)
    found, truth = coverage(worlds=worlds, prompts_of_truth=QUICK_PROMPTS_OF_TRUTH if quick else PROMPTS_OF_TRUTH)
    measures = [
        Measure(name=f"coverage: {name}, {each.intervals} intervals", value=each.percent, unit="%", better="more")
        for name, each in sorted(found.items())
    ]
    measures += [
        Measure(name=f"mean width: {name}", value=100 * each.width, unit="points", better="less")
        for name, each in sorted(found.items())
    ]
    measures.append(Measure(name="agreement planted", value=100 * truth.agreement, unit="%", better="more"))
    print("intervals done", flush=True)
    measures += measures_of(outliers(worlds=worlds), suffix="")
    weaker = outliers(worlds=max(2, worlds // 4), bias=BIAS / 2)
    return measures + measures_of(weaker, suffix=f", biases {HALF_AS_STRONG}")


def measures_of(found: Outcome, *, suffix: str) -> list[Measure]:
    """Of the planted ones the more the better, of the honest ones the fewer."""
    ours, peer = found.ours, found.threshold
    where = f"{peer.worlds} worlds{suffix}"
    name = f"{PEER}, {100 * found.threshold_at:.1f}%"
    of_all = 100 / ours.worlds
    return [
        Measure(name=f"planted ones flagged, {where}", value=ours.planted_percent, unit="%", better="more",
                peer=name, peer_value=peer.planted_percent),
        Measure(name=f"honest ones flagged, {where}", value=ours.honest_percent, unit="%", better="less",
                peer=name, peer_value=peer.honest_percent),
        *(
            Measure(name=f"{kind} flagged{suffix}", value=of_all * flagged, unit="%", better="more",
                    peer=name, peer_value=of_all * peer.planted[kind])
            for kind, flagged in ours.planted.items()
        ),
        Measure(name=f"honest ones among those flagged, a world{suffix}", value=100 * ours.false_discovery_rate,
                unit="%", better="less", peer=name, peer_value=100 * peer.false_discovery_rate),
        Measure(name=f"agreement of honest labelers with the rest{suffix}", value=100 * found.agreement_of_honest,
                unit="%", better="more"),
    ]  # fmt: skip


if __name__ == "__main__":
    command.run(main)
