"""Few-shot prompts expanded, and what keeps an own prompt from being handed in: the pure part."""

from hypothesis import given
from hypothesis import strategies as st

from labeling.writing.own_prompts.rules import (
    FEWEST_PAIRS,
    MOST_PAIRS,
    Fault,
    OwnWriting,
    Pair,
    examples_of,
    expansions,
    faults_of,
    pairs_as_draft,
    writing_in,
)

texts = st.text(min_size=1, max_size=12)
pair_lists = st.lists(
    st.builds(Pair, query=texts, response=texts),
    min_size=FEWEST_PAIRS,
    max_size=MOST_PAIRS,
    unique_by=lambda p: p.query,
)


def test_three_pairs_by_hand() -> None:
    """Each is asked once, after the two others, which begin with the one after it."""
    pairs = [Pair(query=f"q{number}", response=f"r{number}") for number in (1, 2, 3)]
    told = [
        ([message["content"] for message in example.messages], example.answer)
        for example in expansions(instruction="Do so.", pairs=pairs)
    ]
    assert told == [
        (["Do so.", "q2", "r2", "q3", "r3", "q1"], "r1"),
        (["Do so.", "q3", "r3", "q1", "r1", "q2"], "r2"),
        (["Do so.", "q1", "r1", "q2", "r2", "q3"], "r3"),
    ]


@given(pairs=pair_lists, instruction=texts)
def test_k_pairs_make_k_examples_each_with_the_others_before_it(pairs: list[Pair], instruction: str) -> None:
    examples = expansions(instruction=instruction, pairs=pairs)
    assert len(examples) == len(pairs)
    for pair, example in zip(pairs, examples, strict=True):
        first, *turns, last = example.messages
        assert first == {"role": "system", "content": instruction}
        assert last == {"role": "user", "content": pair.query}
        assert example.answer == pair.response
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(pairs) - 1)
        context = {(turns[at]["content"], turns[at + 1]["content"]) for at in range(0, len(turns), 2)}
        assert context == {(other.query, other.response) for other in pairs if other is not pair}


@given(pairs=st.lists(st.builds(Pair, query=st.text(max_size=5), response=st.text(max_size=5)), max_size=MOST_PAIRS))
def test_pairs_come_back_from_the_form_as_they_were(pairs: list[Pair]) -> None:
    back = list(writing_in(pairs_as_draft(pairs)).pairs)
    assert back[: len(pairs)] == pairs
    assert len(back) == max(FEWEST_PAIRS, len(pairs))


def test_a_whole_prompt_has_no_fault() -> None:
    assert faults_of(OwnWriting(prompt="Why?", use_case="open_qa")) == []
    pairs = [Pair(query="1+1", response="2"), Pair(query="2+2", response="4"), Pair()]
    few_shot = OwnWriting(kind="few_shot", instruction="Add.", use_case="other", pairs=pairs)
    assert faults_of(few_shot) == []
    assert len(examples_of(few_shot)) == 2


def test_each_fault_names_its_field() -> None:
    def found(**fields: object) -> set[tuple[str, Fault]]:
        return {(each.field, each.fault) for each in faults_of(OwnWriting(**{"use_case": "other"} | fields))}  # type: ignore[arg-type]

    pair = Pair(query="1+1", response="2")
    few_shot = {"kind": "few_shot", "instruction": "Add."}
    assert found(prompt=" ") == {("prompt-text", Fault.NO_PROMPT)}
    assert found(prompt="Why?", use_case="poem") == {("use_case", Fault.NO_USE_CASE)}
    assert found(prompt="a" * 20_001) == {("prompt-text", Fault.TOO_LONG)}
    assert found(prompt="a\0") == {("prompt-text", Fault.UNSTORABLE)}
    assert found(**few_shot, pairs=[pair, Pair()]) == {("1-query-text", Fault.TOO_FEW_PAIRS)}
    assert found(**few_shot, pairs=[pair, Pair(query="2+2")]) == {("2-response-text", Fault.HALF_A_PAIR)}
    assert found(**few_shot, pairs=[pair, pair]) == {("1-query-text", Fault.ALIKE)}
    assert found(kind="few_shot", pairs=[pair, Pair(query="2+2", response="4")]) == {
        ("instruction-text", Fault.NO_INSTRUCTION)
    }
