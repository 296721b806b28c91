"""One check of what a prompt is, whatever way it comes in."""

from typing import Any

import pytest

from labeling.base.refusals import PromptRefused
from labeling.campaigns.rules.messages import check_messages
from lm.conversations import InvalidConversation, check_conversation

HI = {"role": "user", "content": " Hi\r\n"}


def test_a_conversation_is_kept_as_it_stands() -> None:
    turns = [{"role": "system", "content": "Be brief."}, HI, {"role": "assistant", "content": "Yes?"}, HI]
    assert check_conversation(turns) == turns


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("Hi", "The messages are no list"),
        ([], "There are no messages"),
        (["Hi"], "Message 1 is not an object"),
        ([{"content": "Hi"}], "Message 1 has the role None"),
        ([{"role": ["user"], "content": "Hi"}], "Message 1 has the role"),
        ([{"role": "human", "content": "Hi"}], "it must be system, user or assistant"),
        ([{"role": "user", "content": 7}], "Message 1 has no text"),
        ([{"role": "user", "content": " \n"}], "Message 1 has no text"),
        ([{"role": "user", "content": "a\0"}], r"Message 1: Character 2 is U\+0000"),
        ([{"role": "user", "content": "\udc00"}], r"Message 1: Character 1 is U\+DC00"),
        ([HI | {"images": [], "tool_calls": []}], "Message 1 has the key “images”, for which there is no place"),
        ([HI, {"role": "system", "content": "x"}], "Message 2 is a system message"),
        ([HI, HI], "Messages 1 and 2 are both from the user"),
        ([{"role": "assistant", "content": "x"}, HI], "no user message comes before it"),
        ([HI, {"role": "assistant", "content": "x"}], "a prompt must end with a user message"),
    ],
)
def test_the_trainer_and_the_database_refuse_the_same(messages: Any, says: str) -> None:
    with pytest.raises(InvalidConversation, match=says):
        check_conversation(messages)
    with pytest.raises(PromptRefused, match=says):
        check_messages(messages)
