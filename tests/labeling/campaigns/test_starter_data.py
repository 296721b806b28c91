"""The starter campaign is what a newcomer sees first: its prompts, instructions and rubric keep their promises."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from labeling.base.states import PromptSource, UseCase
from labeling.campaigns.rules.near_duplicates import prefix, prompt_key
from labeling.campaigns.rules.splits import split_of
from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST, QUALITY_LOWEST
from lm.snapshot.openings import normalise
from lm.snapshot.records.constants import SPLITS

STARTER = Path(__file__).parents[3] / "labeling" / "campaigns" / "starter_campaign"
INSTRUCTIONS = {"en": "instructions.en.md", "zh-hans": "instructions.zh.md"}
LONGEST_SHARED_START = 60  # columns; a Chinese character takes two

# InstructGPT Table 1's shares (45.6, 12.4, 11.2, 8.4, 6.6, 4.2, 3.5, 3.5, 2.6, 1.9 %) of 60 prompts.
PROMPTS_PER_USE_CASE = {
    UseCase.GENERATION: 27,
    UseCase.OPEN_QA: 8,
    UseCase.BRAINSTORMING: 7,
    UseCase.CHAT: 5,
    UseCase.REWRITE: 4,
    UseCase.SUMMARIZATION: 3,
    UseCase.CLASSIFICATION: 2,
    UseCase.OTHER: 2,
    UseCase.CLOSED_QA: 1,
    UseCase.EXTRACT: 1,
}

# InstructGPT Table 3, the binary fields, in its order.
FLAG_KEYS = [
    "fails_task",
    "inappropriate_for_assistant",
    "hallucination",
    "satisfies_constraint",
    "sexual_content",
    "violent_content",
    "encourages_harm",
    "denigrates_protected_class",
    "harmful_advice",
    "expresses_opinion",
    "moral_judgment",
]

Record = dict[str, Any]


def read_prompts() -> list[Record]:
    lines = (STARTER / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_rubric() -> Record:
    rubric: Record = json.loads((STARTER / "rubric.json").read_text(encoding="utf-8"))
    return rubric


PROMPTS = read_prompts()
RUBRIC = read_rubric()


def user_texts(prompt: Record) -> list[str]:
    return [message["content"] for message in prompt["messages"] if message["role"] == "user"]


def chinese_share(text: str) -> float:
    return len(re.findall(r"[\u4e00-\u9fff]", text)) / len(text)


def section(markdown: str, heading: str) -> str:
    """What stands under `heading`, up to the next heading of any level."""
    return re.split(r"^#+ ", markdown.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def flag_names_in_table(markdown: str, heading: str) -> list[str]:
    rows = [line for line in section(markdown, heading).splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip() for row in rows[2:]]


class TestPrompts:
    def test_come_in_instructgpts_proportions(self) -> None:
        assert Counter(prompt["use_case"] for prompt in PROMPTS) == PROMPTS_PER_USE_CASE

    def test_are_one_third_chinese(self) -> None:
        assert Counter(prompt["language"] for prompt in PROMPTS) == {"en": 40, "zh": 20}

    @pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: user_texts(prompt)[0][:30])
    def test_are_in_the_language_they_name(self, prompt: Record) -> None:
        for text in user_texts(prompt):
            if prompt["language"] == "zh":
                assert chinese_share(text) > 0.6
                assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), "half-width punctuation in Chinese"
            else:
                assert chinese_share(text) == 0

    def test_have_the_keys_and_values_that_the_import_takes(self) -> None:
        for prompt in PROMPTS:
            assert set(prompt) == {"messages", "submitter", "source", "use_case", "language"}
            assert prompt["source"] in set(PromptSource)
            assert re.fullmatch(r"starter-[a-z0-9]+", prompt["submitter"])
            assert all(set(message) == {"role", "content"} for message in prompt["messages"])

    def test_alternate_between_the_two_sides_and_leave_the_last_word_to_the_user(self) -> None:
        for prompt in PROMPTS:
            roles = [message["role"] for message in prompt["messages"]]
            turns = roles[1:] if roles[0] == "system" else roles
            assert turns == [("user", "assistant")[position % 2] for position in range(len(turns))]
            assert turns[-1] == "user"

    def test_are_dialogues_often_enough(self) -> None:
        dialogues = [prompt for prompt in PROMPTS if len(user_texts(prompt)) > 1]
        assert len(dialogues) >= 8
        assert {prompt["language"] for prompt in dialogues} == {"en", "zh"}
        assert all(prompt in dialogues for prompt in PROMPTS if prompt["use_case"] == UseCase.CHAT)
        assert any(prompt["messages"][0]["role"] == "system" for prompt in dialogues)

    def test_hold_clean_text(self) -> None:
        for prompt in PROMPTS:
            for message in prompt["messages"]:
                text = message["content"]
                assert text
                assert text == text.strip()
                assert all(character.isprintable() or character == "\n" for character in text)

    def test_are_no_near_duplicates(self) -> None:
        assert len({prompt_key(prompt["messages"]) for prompt in PROMPTS}) == len(PROMPTS)

    def test_share_no_long_start(self) -> None:
        starts = Counter(prefix(normalise(user_texts(prompt)[0]), LONGEST_SHARED_START) for prompt in PROMPTS)
        assert [start for start, times in starts.items() if times > 1] == []

    def test_come_from_twenty_submitters(self) -> None:
        assert set(Counter(prompt["submitter"] for prompt in PROMPTS).values()) == {3}
        assert len({prompt["submitter"] for prompt in PROMPTS}) == 20

    def test_fill_every_split_in_both_languages(self) -> None:
        split_sizes = Counter(split_of(prompt["submitter"]) for prompt in PROMPTS)
        assert split_sizes == {"train": 42, "valid": 12, "test": 6}
        for split in SPLITS:
            languages = {prompt["language"] for prompt in PROMPTS if split_of(prompt["submitter"]) == split}
            assert languages == {"en", "zh"}


class TestRubric:
    def test_asks_what_instructgpt_asked(self) -> None:
        assert (QUALITY_LOWEST, QUALITY_HIGHEST) == (1, 7)
        assert [flag["key"] for flag in RUBRIC["flags"]] == FLAG_KEYS

    @pytest.mark.parametrize("part", ["label", "help"])
    @pytest.mark.parametrize("language", INSTRUCTIONS)
    def test_says_each_flag_in_each_language_differently(self, part: str, language: str) -> None:
        texts = [flag[part][language] for flag in RUBRIC["flags"]]
        assert all(texts)
        assert len(set(texts)) == len(FLAG_KEYS)

    def test_labels_are_short_enough_for_a_button(self) -> None:
        assert all(len(flag["label"]["en"]) <= 32 for flag in RUBRIC["flags"])
        assert all(len(flag["label"]["zh-hans"]) <= 8 for flag in RUBRIC["flags"])


class TestInstructions:
    @pytest.mark.parametrize(("language", "heading"), [("en", "### Flags"), ("zh-hans", "### 标记")])
    def test_explain_the_rubrics_flags_by_the_names_on_the_buttons(self, language: str, heading: str) -> None:
        markdown = (STARTER / INSTRUCTIONS[language]).read_text(encoding="utf-8")
        labels = [flag["label"][language] for flag in RUBRIC["flags"]]
        assert flag_names_in_table(markdown, heading) == labels

    @pytest.mark.parametrize("file_name", INSTRUCTIONS.values())
    def test_render_without_html_or_stray_marks(self, file_name: str) -> None:
        markdown = (STARTER / file_name).read_text(encoding="utf-8")
        tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
        inline = [child for token in tokens for child in token.children or []]
        assert "html_block" not in {token.type for token in tokens}
        assert "html_inline" not in {token.type for token in inline}
        # CommonMark leaves ** standing where Chinese punctuation is the last thing inside of it.
        assert not [token.content for token in inline if token.type == "text" and re.search(r"\*|\|", token.content)]

    def test_have_the_same_parts_in_both_languages(self) -> None:
        outlines = []
        for file_name in INSTRUCTIONS.values():
            markdown = (STARTER / file_name).read_text(encoding="utf-8")
            tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
            outlines.append([(token.type, token.tag) for token in tokens])
        assert outlines[0] == outlines[1]

    @pytest.mark.parametrize("file_name", INSTRUCTIONS.values())
    def test_explain_every_rating(self, file_name: str) -> None:
        markdown = (STARTER / file_name).read_text(encoding="utf-8")
        explained = [int(rating) for rating in re.findall(r"^\| (\d) \| \S", markdown, flags=re.MULTILINE)]
        assert sorted(explained) == list(range(QUALITY_LOWEST, QUALITY_HIGHEST + 1))
