"""What a chat template takes away is noticed: counted, said, and nothing is trained on that can't be told apart."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lm.conversation_tokens import unread_messages
from lm.prompt_format import Message
from lm.rendering import Renderer
from lm.snapshot.reading import open_snapshot
from lm.snapshot.records.constants import STRONGEST
from lm.snapshot.records.rankings import Ranking, parse_ranking
from rm_trainer.dataset import tokenized_rankings, with_pairs
from rm_trainer.loss import pair_strengths
from rm_trainer.model import load_base_model
from rm_trainer.usable import Remarking, Usable, counts_of, in_words, usable_part
from tests.lm.snapshots import ranking, write_snapshot
from tests.tiny_models import CHAT_TEMPLATE

USER = "{{ message['content'] }}"
NO_THINKING = CHAT_TEMPLATE.replace(USER, "{{ message['content'].split('</think>')[-1] }}")
NO_SYSTEM = CHAT_TEMPLATE.replace("{% for message in messages %}", "{% for message in messages[1:] %}")
REFUSES_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
HI = (Message(role="user", content="Hi"),)
BRIEF = (Message(role="system", content="Be brief."), *HI)


@pytest.fixture(scope="module")
def renderer(tiny_base: Path) -> Renderer:
    return load_base_model(str(tiny_base), max_length=512, seed=0)[1]


def with_template(renderer: Renderer, template: str) -> Renderer:
    tokenizer = deepcopy(renderer.tokenizer)
    tokenizer.chat_template = template
    return Renderer(tokenizer, max_length=renderer.max_length, vocabulary=renderer.vocabulary)


def used(
    renderer: Renderer, prompt: Sequence[Message], completions: Sequence[str], ranks: Sequence[int]
) -> tuple[Usable | None, Remarking]:
    remarking = Remarking()
    return usable_part(7, renderer, prompt, completions, ranks=ranks, remarking=remarking), remarking


def test_completions_of_different_rank_with_equal_tokens_are_left_out(renderer: Renderer) -> None:
    """The template cuts what was thought before the answer: A and C become one text with two ranks."""
    answers = ["<think>a</think>yes", "no", "<think>b</think>yes", "maybe"]
    part, remarking = used(with_template(renderer, NO_THINKING), HI, answers, [1, 2, 3, 4])
    assert part is not None
    assert part.places == (1, 3)
    assert counts_of(remarking.remarks)["same_tokens_completions"] == 2
    assert counts_of(remarking.remarks)["unread_messages"] == 2
    assert any("2 completions become the same tokens" in said for said in in_words(remarking.remarks))


def test_of_two_completions_that_become_one_nothing_is_left(renderer: Renderer) -> None:
    part, remarking = used(with_template(renderer, NO_THINKING), HI, ["<think>a</think>b", "<think>c</think>b"], [1, 2])
    assert part is None
    assert counts_of(remarking.remarks)["incomparable_rankings"] == 1


def test_equal_tokens_of_one_rank_contradict_nothing(renderer: Renderer) -> None:
    part, remarking = used(renderer, HI, ["yes", "yes", "no"], [1, 1, 2])
    assert part is not None
    assert part.places == (0, 1, 2)
    assert remarking.remarks == {}


def test_one_text_at_two_ranks_is_never_a_pair(renderer: Renderer) -> None:
    part, remarking = used(renderer, HI, ["yes", "no", "yes"], [1, 2, 3])
    assert part is None
    assert counts_of(remarking.remarks)["same_tokens_completions"] == 2


def test_a_system_message_that_the_template_skips_is_said(renderer: Renderer) -> None:
    part, remarking = used(with_template(renderer, NO_SYSTEM), BRIEF, ["yes", "no"], [1, 2])
    assert part is not None
    assert counts_of(remarking.remarks)["unread_messages"] == 1
    (said,) = in_words(remarking.remarks)
    assert said.endswith("(first in ranking 7: message 1, of the system).")


def test_a_conversation_that_the_template_refuses_is_left_out(renderer: Renderer) -> None:
    part, remarking = used(with_template(renderer, REFUSES_SYSTEM + CHAT_TEMPLATE), BRIEF, ["yes", "no"], [1, 2])
    assert part is None
    (said,) = in_words(remarking.remarks)
    assert "no system role" in said


def test_templates_may_strip_and_move_but_nothing_may_be_lost() -> None:
    """A template may put the system message into the last user turn. It may not hide behind a turn that repeats it."""
    turns = (Message(role="system", content=" Hi "), Message(role="user", content="Hi there"))
    assert unread_messages(turns, "Hi", "[INST] Hi\n\nHi there [/INST]Hi") == []
    assert unread_messages(turns, "Hi", "[INST]Hi there [/INST]Hi") == [0, 2]
    assert unread_messages(turns, "Bye", "[INST]Hi there [/INST]Bye") == [0]


def test_a_plain_format_leaves_nothing_out(renderer: Renderer) -> None:
    part, remarking = used(with_template(renderer, ""), BRIEF, ["<think>a</think>b", "c"], [1, 2])
    assert part is not None
    assert remarking.remarks == {}


def test_what_is_left_of_a_ranking_is_read_from_the_cache_too(tmp_path: Path, renderer: Renderer) -> None:
    """Ranks close up, steps add up, and a second look at the cache says the same."""
    record = ranking(1, [("a", 1), ("x" * 600, 2), ("", 3), ("b", 4)])
    record["strengths"] = [1, 1, 1]
    records = [record, ranking(2, [("a", 1), ("b", 2)]), ranking(3, [("c", 1), ("c", 2)])]
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": records}, shard_size=2)
    for _ in range(2):
        rankings = tokenized_rankings(open_snapshot(snapshot), "train", renderer, tmp_path / "cache")
        first, second = with_pairs(rankings)
        assert (first.ranking.completions, first.ranking.ranks, first.ranking.strengths) == (("a", "b"), (1, 2), (3,))
        assert first.ranking.completion_ids == (10, 13)
        assert len(first.tokens.completions) == 2
        assert second.ranking.completions == ("a", "b")
        assert counts_of(rankings.remarks) == {
            "empty_completions": 1,
            "too_long_completions": 1,
            "same_tokens_completions": 2,
            "refused_records": 0,
            "incomparable_rankings": 1,
            "unread_messages": 0,
        }


def strengths(one: Ranking) -> dict[tuple[int, int], int]:
    """Of every pair of completion ids, the better one's first."""
    pairs = [
        (better, worse)
        for better, upper in zip(one.completion_ids, one.ranks, strict=True)
        for worse, lower in zip(one.completion_ids, one.ranks, strict=True)
        if upper < lower
    ]
    return dict(zip(pairs, pair_strengths(torch.tensor(one.ranks), one.strengths).int().tolist(), strict=True))


@given(st.data())
def test_a_pair_that_stays_keeps_its_order_and_its_strength(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=6))
    ranks = [sorted(set(drawn)).index(rank) + 1 for rank in drawn]
    record = ranking(1, [(f"answer {n}", rank) for n, rank in enumerate(ranks)])
    steps = st.integers(1, STRONGEST)
    record["strengths"] = data.draw(st.lists(steps, min_size=max(ranks) - 1, max_size=max(ranks) - 1))
    places = sorted(data.draw(st.sets(st.sampled_from(range(len(ranks))), min_size=1)))
    whole = parse_ranking(record)
    part = whole.only(places)
    assert sorted(set(part.ranks)) == list(range(1, max(part.ranks) + 1))

    kept = {whole.completion_ids[place] for place in places}
    assert strengths(part) == {pair: s for pair, s in strengths(whole).items() if kept.issuperset(pair)}
