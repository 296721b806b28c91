"""Public formats are known by their shape, and come in as what they are."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from labeling.imports.rules.reading import Reading, read_prompts
from labeling.imports.rules.rows import Comparison, RefusedRow, Row, Take
from tests.labeling.imports.test_reading import one, read

EGG = {"role": "user", "content": "How do I boil an egg?"}
TRANSCRIPT = "\n\nHuman: How do I boil an egg?\n\nAssistant: In water.\n\nHuman: How long?\n\nAssistant: "
ASKED = [EGG, {"role": "assistant", "content": "In water."}, {"role": "user", "content": "How long?"}]


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def ranks_of(row: Row) -> dict[str, int]:
    assert isinstance(row.comparison, Comparison)
    return {each.text: each.rank for each in row.comparison.completions}


COMPARISONS: list[tuple[str, dict[str, Any], list[dict[str, str]], dict[str, int]]] = [
    (
        "Anthropic hh-rlhf",
        {
            "chosen": f"{TRANSCRIPT}8 min.",
            "rejected": f"{TRANSCRIPT}No.",
        },
        ASKED,
        {"8 min.": 1, "No.": 2},
    ),
    (
        "TRL preference",
        {"prompt": "Hi there", "chosen": "Hello!", "rejected": "Go away."},
        [],
        {"Hello!": 1, "Go away.": 2},
    ),
    (
        "TRL preference",
        {"chosen": [*ASKED, said("8 min.")], "rejected": [*ASKED, said("No.")], "margin": 2.0},
        ASKED,
        {"8 min.": 1, "No.": 2},
    ),
    (
        "TRL preference (UltraFeedback binarized)",
        {
            "prompt": EGG["content"], "prompt_id": "x", "messages": [EGG, said("8 min.")],
            "chosen": [EGG, said("8 min.")], "rejected": [EGG, said("No.")], "score_chosen": 8, "score_rejected": 2,
        },
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "Intel Orca DPO pairs",
        {"system": "", "question": EGG["content"], "chosen": "8 min.", "rejected": "No."},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "UltraFeedback",
        {
            "source": "sharegpt", "instruction": EGG["content"], "models": ["a", "b", "c"],
            "completions": [
                {"model": "a", "response": "8 min.", "overall_score": 8},
                {"model": "b", "response": "9 min.", "overall_score": 8},
                {"model": "c", "response": "No.", "overall_score": "1"},
            ],
        },
        [EGG],
        {"8 min.": 1, "9 min.": 1, "No.": 2},
    ),
    (
        "HelpSteer2 preference",
        {"prompt": EGG["content"], "response_1": "No.", "response_2": "8 min.", "preference_strength": 2,
         "preference_statement": "…"},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "HelpSteer3",
        {"domain": "general", "language": "english", "context": ASKED, "response1": "8 min.", "response2": "No.",
         "overall_preference": -3, "individual_preference": []},
        ASKED,
        {"8 min.": 1, "No.": 2},
    ),
    (
        "alpaca_eval annotations",
        {"instruction": EGG["content"], "output_1": "No.", "output_2": "8 min.", "generator_1": "a",
         "generator_2": "b", "preference": 2.0, "annotator": "gpt4", "dataset": "helpful_base"},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "Argilla records",
        {"id": "r1", "fields": {"prompt": EGG["content"], "response-1": "No.", "response-2": "8 min."},
         "responses": {"preference": [{"value": "response-2", "user_id": "u1"}]}},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "Argilla records",
        {"fields": {"instruction": EGG["content"], "a": "No.", "b": "8 min.", "c": "9 min."},
         "responses": [{"user_id": "u1", "status": "submitted", "values": {"rank": {"value": [
             {"value": "b", "rank": 1}, {"value": "c", "rank": 1}, {"value": "a", "rank": 3}]}}}]},
        [EGG],
        {"8 min.": 1, "9 min.": 1, "No.": 2},
    ),
    (
        "Label Studio tasks",
        {"id": 1, "data": {"prompt": EGG["content"], "answer1": "8 min.", "answer2": "No."},
         "annotations": [{"completed_by": 3, "result": [{"type": "pairwise", "value": {"selected": "left"}}]}]},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
    (
        "Label Studio tasks",
        {"id": 1, "data": {"prompt": EGG["content"],
                           "items": [{"id": "x", "body": "No."}, {"id": "y", "body": "8 min."}]},
         "annotations": [{"result": [{"type": "ranker", "value": {"ranker": {"rank": ["y", "x"]}}}]}]},
        [EGG],
        {"8 min.": 1, "No.": 2},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "record", "messages", "ranks"), COMPARISONS, ids=lambda value: str(value)[:24])
def test_preferences_are_existing_comparisons(
    name: str, record: dict[str, Any], messages: list[dict[str, str]], ranks: dict[str, int]
) -> None:
    row = one(record, language="en")

    assert row.format == name
    assert ranks_of(row) == ranks
    assert not row.completions
    if messages:
        assert list(row.messages) == messages


def test_strengths_and_annotators_come_along() -> None:
    helpsteer = one(COMPARISONS[7][1], language="en").comparison
    assert helpsteer is not None
    assert helpsteer.strengths == (4,)
    evaluated = one(COMPARISONS[8][1], language="en").comparison
    assert evaluated is not None
    assert (evaluated.annotator, [each.model for each in evaluated.completions]) == ("gpt4", ["a", "b"])


def test_lines_of_one_prompt_become_one_comparison() -> None:
    lines = [
        {"prompt": "Explain tides.", "response": "Gravity.", "helpfulness": 2, "correctness": 4},
        {"prompt": "Explain tides.", "response": "The moon pulls the sea.", "helpfulness": 4, "correctness": 4},
        {
            "prompt": "Explain rain.<extra_id_1>Assistant\nWater.\n<extra_id_1>User\nWhy?",
            "response": "a",
            "helpfulness": 1,
        },
        {
            "prompt": "Explain rain.<extra_id_1>Assistant\nWater.\n<extra_id_1>User\nWhy?",
            "response": "b",
            "helpfulness": 1,
        },
        {"prompt": "Explain snow.", "response": "Cold.", "helpfulness": 2},
    ]

    tides, rain, snow = read("\n".join(map(json.dumps, lines)))

    assert isinstance(tides, Row)
    assert isinstance(rain, Row)
    assert ranks_of(tides) == {"Gravity.": 2, "The moon pulls the sea.": 1}
    assert [message["role"] for message in rain.messages] == ["user", "assistant", "user"]
    assert ranks_of(rain) == {"a": 1, "b": 1}
    assert isinstance(snow, RefusedRow)
    assert "A comparison has 2 to 9 distinct completions that are not empty; this one has 1" in snow.reason


@pytest.mark.parametrize(
    ("name", "record", "prompt", "answer"),
    [
        ("Alpaca", {"instruction": "Name a colour.", "input": "", "output": "Blue."}, "Name a colour.", "Blue."),
        (
            "ShareGPT",
            {"id": "1", "conversations": [{"from": "human", "value": "Hi there"}, {"from": "gpt", "value": "Hello"}]},
            "Hi there",
            "Hello",
        ),
        ("TRL prompt-completion", {"prompt": [EGG], "completion": [said("8 min.")]}, EGG["content"], "8 min."),
    ],
)
def test_single_answers_are_demonstrations(name: str, record: dict[str, Any], prompt: str, answer: str) -> None:
    row = one(record)

    assert (row.format, row.messages[-1]["content"], row.demonstrations) == (name, prompt, (answer,))


def test_a_tree_gives_a_comparison_where_answers_are_ranked_and_a_demonstration_where_there_is_one() -> None:
    tree = {
        "message_tree_id": "t", "tree_state": "ready_for_export",
        "prompt": {"text": "Why is the sky blue?", "role": "prompter", "lang": "en", "replies": [
            {"text": "Rayleigh.", "role": "assistant", "rank": 0, "replies": [
                {"text": "Who was that?", "role": "prompter", "lang": "en", "replies": [
                    {"text": "A physicist.", "role": "assistant", "replies": []}]}]},
            {"text": "It isn't.", "role": "assistant", "rank": 1, "replies": []},
            {"text": "Deleted.", "role": "assistant", "rank": 2, "deleted": True, "replies": []},
        ]},
    }  # fmt: skip

    first, second = read(json.dumps(tree))

    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.format, ranks_of(first)) == ("Open-Assistant tree", {"Rayleigh.": 1, "It isn't.": 2})
    assert [message["content"] for message in second.messages] == ["Why is the sky blue?", "Rayleigh.", "Who was that?"]
    assert second.demonstrations == ("A physicist.",)


def test_what_becomes_of_answers_is_a_choice() -> None:
    worst = {"model": "d", "response": "Ask a hen.", "overall_score": 0}
    record = COMPARISONS[5][1] | {"completions": [*COMPARISONS[5][1]["completions"], worst]}

    to_rank, ideal, alone = (one(record, take=take) for take in (Take.COMPLETIONS, Take.DEMONSTRATIONS, Take.PROMPTS))

    assert (len(to_rank.completions), to_rank.comparison) == (4, None)
    assert (ideal.demonstrations, ideal.comparison) == (("8 min.", "9 min."), None)
    assert (alone.demonstrations, alone.completions, alone.comparison) == ((), (), None)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"chosen": "Hello!", "rejected": "Go away."}, "It has no prompt, and chosen is a text"),
        ({"chosen": [*ASKED, said("a")], "rejected": [EGG, said("b")]}, "differ in more than their last message"),
        ({"prompt": "Hi there", "chosen": "Same.", "rejected": "Same.\n"}, "the same text as another"),
        ({"prompt": "Hi there", "chosen": "a", "rejected": "b", "colour": 1}, "“colour” is unknown in TRL"),
        ({"prompt": "Hi there", "completions": [{"text": "a", "model": "m", "rank": 1}, {"text": "b", "model": "m"}]},
         "Some completions have a rank and some have none"),
        ({"prompt": "Hi there", "completions": [{"text": str(n), "model": "m", "rank": n} for n in (1, 3)]},
         "Its ranks have gaps"),
        ({"prompt": "Hi there", "completions": [{"text": str(n), "model": "m", "rank": n} for n in range(1, 11)]},
         "this one has 10"),
        ({"fields": {"prompt": "Hi there", "a": "1", "b": "2", "c": "3"}, "responses": {"q": [{"value": "a"}]}},
         "One of 3 answers was chosen; how the others compare is not said"),
    ],
)  # fmt: skip
def test_what_is_no_comparison_is_refused_in_words(record: dict[str, Any], words: str) -> None:
    (refused,) = read(json.dumps(record))

    assert isinstance(refused, RefusedRow)
    assert words in refused.reason


class TestJsonList:
    def test_each_object_is_a_record_at_its_line(self) -> None:
        rows = read(
            '[\n {"prompt": "One {thing]"},\n {"prompt": "Two \\"}"\n },\n {"prompt": 3}, {"prompt": "Four it is"}\n]',
            "a.json",
        )

        assert [(row.line, isinstance(row, Row)) for row in rows] == [(2, True), (3, True), (5, False), (5, True)]

    def test_one_long_line_is_read_in_pieces(self) -> None:
        rows = read(
            json.dumps([{"prompt": f"Question {n}: \\ 天空 {'x' * 500}"} for n in range(1000)], ensure_ascii=False),
            "a.json",
        )

        assert all(isinstance(row, Row) for row in rows)
        assert len(rows) == 1000

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ('[{"prompt": "Hi there"}, 3]', "holds something that is no object"),
            ('["Hi there"]', "holds something that is no object"),
            ('[{"prompt": "Hi there"}', "is never closed"),
            ('[{"prompt": "Hi there"}]\n{"prompt": "Ho there"}', "Something follows the JSON list"),
            ("[" * 100_000, "holds something that is no object"),
            ('[{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}]", "nested too deeply"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_is_no_list_of_objects_is_refused(self, content: str, words: str) -> None:
        assert words in str(read(content, "a.json")[-1])


def outputs_of(*models: str, instructions: Sequence[str]) -> str:
    """The files of alpaca_eval: a list of all outputs of one model after the other."""
    return json.dumps(
        [
            {
                "dataset": "helpful_base",
                "instruction": instruction,
                "output": f"{model} on {instruction}",
                "generator": model,
                "datasplit": "eval",
            }
            for model in models
            for instruction in instructions
        ],
        indent=1,
    )


class TestLinesOfOnePrompt:
    """alpaca_eval has an output a record, and the models' files are joined one behind the other."""

    def test_that_stand_apart_are_one_task(self) -> None:
        rows = read(outputs_of("a", "b", "c", "d", instructions=["Explain tides.", "Explain rain."]), "outputs.json")

        assert [(row.line, row.format, row.lines) for row in rows if isinstance(row, Row)] == [
            (2, "alpaca_eval outputs", 4), (9, "alpaca_eval outputs", 4)
        ]  # fmt: skip
        asked = {row.messages[0]["content"]: [each.model for each in row.completions]
                 for row in rows if isinstance(row, Row)}  # fmt: skip
        assert asked == {"Explain tides.": list("abcd"), "Explain rain.": list("abcd")}

    def test_that_differ_in_their_input_are_two_prompts(self) -> None:
        same = {"instruction": "Translate.", "output": "x", "generator": "m"}
        rows = read("\n".join(json.dumps(same | {"input": text, "output": f"{text} {n}"}) for n in range(4)
                              for text in ("water", "bread")), take=Take.COMPLETIONS)  # fmt: skip

        assert [row.messages[0]["content"] for row in rows if isinstance(row, Row)] == [
            "Translate.\n\nwater", "Translate.\n\nbread"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("models", "words"),
        [
            ("abc", "3 lines hold an answer to this prompt. 3 completions were given; a ranking task needs 4 to 9. 2"),
            ("a", "1 completion was given"),
            ("a" * 101, "101 lines hold an answer to this prompt. At most 100 lines may hold an answer to one prompt"),
        ],
    )  # fmt: skip
    def test_that_are_too_few_or_too_many_are_all_refused(self, models: str, words: str) -> None:
        (refused,) = read(outputs_of(*models, instructions=["Explain tides."]), "outputs.json")

        assert isinstance(refused, RefusedRow)
        assert words in refused.reason
        assert refused.lines == len(models)

    def test_of_one_model_can_be_demonstrations(self) -> None:
        (row,) = read(outputs_of("a", instructions=["Explain tides."]), "outputs.json", take=Take.DEMONSTRATIONS)

        assert isinstance(row, Row)
        assert row.demonstrations == ("a on Explain tides.",)

    def test_among_others_wait_while_those_come_in(self) -> None:
        lines = [
            {"prompt": "Explain tides.", "response": "Gravity.", "helpfulness": 2},
            {"prompt": "What is snow?"},
            {"prompt": "Explain tides.", "response": "The moon.", "helpfulness": 4},
        ]

        content, reading = "\n".join(map(json.dumps, lines)).encode(), Reading()
        rows = read_prompts(io.BytesIO(content), filename="lines.jsonl", reading=reading)
        done = [(row.line, row.lines, reading.records, reading.waiting) for row in rows]

        assert done == [(2, 1, 2, 1), (1, 2, 3, 2)]
        assert (reading.waiting, reading.bytes_done(900)) == (0, 900)
        assert Reading(records=3, waiting=2).bytes_done(900) == 600


def test_a_pair_that_alpaca_evals_annotator_left_open_is_refused() -> None:
    record = COMPARISONS[8][1] | {"preference": None, "raw_completion": {"finish_reason": "stop"}, "index": 7}
    (refused,) = read(json.dumps(record))

    assert isinstance(refused, RefusedRow)
    assert "preference is empty" in refused.reason


@pytest.mark.parametrize(("preference", "ranks"), [(1.0, (1, 2)), (1.49, (1, 2)), (1.5, (1, 1)), (0, (1, 1))])
def test_alpaca_evals_preferences_may_be_probabilities(preference: float, ranks: tuple[int, int]) -> None:
    comparison = one(COMPARISONS[8][1] | {"preference": preference}).comparison

    assert comparison is not None
    assert tuple(each.rank for each in comparison.completions) == ranks
