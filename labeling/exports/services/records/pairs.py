"""Pairs of completions, derived from the record of one ranking."""

from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.exports.services.records.fields import answer
from lm.snapshot.records.constants import STRONGEST
from lm.snapshot.records.written import CompletionRecord, PairRecord, RankingRecord


def pair_records(ranking: RankingRecord, *, margins: bool = False) -> list[PairRecord]:
    """TRL's conversational preferences: one for each usable pair, by chosen's rank, chosen's id, rejected's id.

    With `margins` each says how much better the chosen one is: 0, ⅓, ⅔, 1 for the strengths 1 to 4 (Llama 2, §3.2), of
    ranks further apart the sum of their steps, at most 4; 0 where the labeler was not asked. Of several people's
    rankings it is the share of them by whom the chosen one wins.
    """
    completions = ranking["completions"]
    pairs = [
        (completions[better], completions[worse])
        for better, worse in usable_pairs([each["rank"] for each in completions])
    ]
    pairs.sort(key=lambda pair: (pair[0]["rank"], pair[0]["completion_id"], pair[1]["completion_id"]))
    records: list[PairRecord] = []
    for chosen, rejected in pairs:
        record: PairRecord = {
            "prompt": ranking["prompt"],
            "chosen": answer(chosen["text"]),
            "rejected": answer(rejected["text"]),
        }
        if margins:
            record["margin"] = _margin_of(ranking, chosen, rejected)
        records.append(record)
    return records


def _margin_of(ranking: RankingRecord, chosen: CompletionRecord, rejected: CompletionRecord) -> float:
    """Of a consensus the share of people by whom the chosen one wins; 0 where the order goes against them."""
    if ranking["consensus"] is None:
        return _margin(ranking["strengths"], chosen["rank"], rejected["rank"])
    people = len(ranking["consensus"]["rankings"])
    for vote in ranking["consensus"]["votes"]:
        if {vote["first"], vote["second"]} == {chosen["completion_id"], rejected["completion_id"]}:
            won = vote["above"] - vote["below"]
            return max(0.0, (won if vote["first"] == chosen["completion_id"] else -won) / people)
    return 0.0


def _margin(strengths: list[int | None] | None, upper: int, lower: int) -> float:
    if strengths is None:
        return 0.0
    steps = [1 if step is None else step for step in strengths[upper - 1 : lower - 1]]  # nobody is asked of an edit
    return (min(sum(steps), STRONGEST) - 1) / (STRONGEST - 1)
