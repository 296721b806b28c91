"""The plain format, byte for byte."""

import pytest

from lm.errors import UnusablePrompt
from lm.prompt_format import Message, plain_completion, plain_conversation, plain_prompt

CONVERSATION: list[Message] = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "4"},
    {"role": "user", "content": "And 3 + 3?"},
]


def test_a_conversation_is_written_out_byte_for_byte() -> None:
    written = "System: Answer briefly.\n\nUser: What is 2 + 2?\n\nAssistant: 4\n\nUser: And 3 + 3?"
    assert plain_conversation(CONVERSATION) == written
    assert plain_prompt(CONVERSATION) == f"{written}\n\nAssistant:"


@pytest.mark.parametrize(
    ("generated", "completion"),
    [
        (" Six.", "Six."),
        (" Six.\n\nUser: And 4 + 4?\n\nAssistant: 8", "Six."),
        (" Two\n\nparagraphs.\n\nAssistant: again", "Two\n\nparagraphs."),
        (
            " One.\nUser: is no turn, for no empty line is above it",
            "One.\nUser: is no turn, for no empty line is above it",
        ),
        ("\n\nUser: Hello?", ""),
        (" 六。\n\nSystem: 完", "六。"),
        ("", ""),
    ],
)
def test_a_completion_ends_where_the_next_turn_begins(generated: str, completion: str) -> None:
    assert plain_completion(generated) == completion


def test_an_unknown_role_is_refused_by_name() -> None:
    with pytest.raises(UnusablePrompt, match="the role 'robot'; known roles are system, user, assistant"):
        plain_prompt([{"role": "robot", "content": "Beep"}])
