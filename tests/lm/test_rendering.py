"""What the reward model reads, token by token. The tiny tokenizer makes one token of every ASCII character."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from lm.errors import Refused
from lm.prompt_format import Message, plain_conversation, plain_prompt
from lm.rendering import Renderer
from tests.tiny_models import BOS_ID, END_OF_TURN_ID, EOS_ID, VOCABULARY_SIZE, make_tiny_model

HI = (Message(role="user", content="Hi"),)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="<"), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("bases")
    return {
        kind: AutoTokenizer.from_pretrained(make_tiny_model(root / kind, chat_template=kind == "chat"))
        for kind in ("chat", "plain")
    }


def renderer(tokenizer: Any, *, max_length: int = 512, vocabulary: int = VOCABULARY_SIZE) -> Renderer:
    return Renderer(tokenizer, max_length=max_length, vocabulary=vocabulary)


def decode(rendering: Renderer, ids: Sequence[int]) -> str:
    return str(rendering.tokenizer.decode(ids))


def test_a_chat_template_writes_the_whole_conversation(tokenizers: dict[str, Any]) -> None:
    rendering = renderer(tokenizers["chat"])
    (ids,) = rendering.render(HI, ["Hello"]).sequences()
    assert (
        decode(rendering, ids.tolist())
        == "<bos><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
    )
    assert ids[-2:].tolist() == [END_OF_TURN_ID, rendering.last_token()]


def test_a_base_model_reads_the_plain_template_and_ends_with_end_of_sequence(tokenizers: dict[str, Any]) -> None:
    rendering = renderer(tokenizers["plain"])
    (ids,) = rendering.render((Message(role="system", content="Be brief."), *HI), ["Hello"]).sequences()
    assert decode(rendering, ids.tolist()) == "<bos>System: Be brief.\n\nUser: Hi\n\nAssistant: Hello<eos>"
    assert ids[-1] == rendering.last_token() == EOS_ID


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXTS), min_size=1, max_size=5), TEXTS)
def test_an_answered_prompt_is_the_plain_conversation(turns: list[tuple[str, str]], completion: str) -> None:
    messages = [Message(role=role, content=content) for role, content in turns]
    answered = plain_conversation([*messages, Message(role="assistant", content=completion)])
    assert answered == f"{plain_prompt(messages)} {completion}"


def test_a_role_that_nobody_has_is_refused(tokenizers: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="A message has the role 'tool'"):
        renderer(tokenizers["plain"]).render((Message(role="tool", content="x"),), ["y"])


def test_a_chat_template_may_refuse_and_its_words_are_kept(tokenizers: dict[str, Any]) -> None:
    tokenizer = deepcopy(tokenizers["chat"])
    tokenizer.chat_template = "{{ raise_exception('Roles must alternate') }}"
    rendering = renderer(tokenizer)
    with pytest.raises(Refused, match="Roles must alternate"):
        rendering.render(HI, ["Hello"])


def test_the_same_tokens_leave_the_start_of_the_prompt_for_all_completions(tokenizers: dict[str, Any]) -> None:
    """<bos> + "User: 0123456789\\n\\nAssistant:" are 1 + 28 tokens, " aaaa<eos>" and " b<eos>" 6 and 3, so the longer
    sequence has 35. At a limit of 30 both lose 5 tokens, "User:", behind <bos>.
    """
    rendering = renderer(tokenizers["plain"], max_length=30)
    rendered = rendering.render((Message(role="user", content="0123456789"),), ["aaaa", "b"])
    assert rendered.dropped == 5
    assert [decode(rendering, ids.tolist()) for ids in rendered.sequences()] == [
        "<bos> 0123456789\n\nAssistant: aaaa<eos>",
        "<bos> 0123456789\n\nAssistant: b<eos>",
    ]


def test_a_completion_that_does_not_fit_alone_is_refused(tokenizers: dict[str, Any]) -> None:
    """<bos>, a space, 30 letters and <eos> are 33 tokens without any prompt."""
    rendering = renderer(tokenizers["plain"], max_length=32)
    with pytest.raises(Refused, match=r"takes 33 tokens by itself and the limit is 32; a completion is never cut"):
        rendering.render(HI, ["short", "x" * 30])
    assert len(renderer(tokenizers["plain"], max_length=33).render(HI, ["x" * 30]).sequences()[0]) == 33


@pytest.mark.parametrize("kind", ["chat", "plain"])
@given(prompt=TEXTS, completions=st.lists(TEXTS, min_size=1, max_size=4), max_length=st.integers(1, 80))
def test_no_completion_loses_a_token_at_any_limit(
    tokenizers: dict[str, Any], kind: str, prompt: str, completions: list[str], max_length: int
) -> None:
    whole = renderer(tokenizers[kind]).render((Message(role="user", content=prompt),), completions)
    try:
        cut = renderer(tokenizers[kind], max_length=max_length).render(
            (Message(role="user", content=prompt),), completions
        )
    except Refused:
        return
    assert max(map(len, cut.sequences())) <= max_length
    for before, after in zip(whole.sequences(), cut.sequences(), strict=True):
        assert len(before) - len(after) == cut.dropped
        assert after[0] == before[0] == BOS_ID
        assert after[1:].tolist() == before[1 + cut.dropped :].tolist()


def test_a_tokenizer_of_another_model_is_refused(tokenizers: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"makes token {END_OF_TURN_ID} and the model knows 100"):
        renderer(tokenizers["chat"], vocabulary=100).render(HI, ["Hello"])
