"""OpenAI's chat completions as pure functions: what is taken, what is refused and by which name, what is answered."""

import json
from typing import Any

import pytest

from sampler.chat_contract.answers import DONE, chunk, chunk_choice, event
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import LARGEST_SEED, body_of, parse_chat_request

ASK: dict[str, Any] = {"model": "policy", "messages": [{"role": "user", "content": "Hi"}]}


def refused(**fields: Any) -> ContractError:
    with pytest.raises(ContractError) as caught:
        parse_chat_request(ASK | fields)
    assert caught.value.body["error"]["message"] == str(caught.value)
    return caught.value


def test_what_is_left_out_is_openai_s_default() -> None:
    asked = parse_chat_request(ASK)
    assert (asked.n, asked.temperature, asked.top_p, asked.stop, asked.stream) == (1, 1.0, 1.0, (), False)
    assert asked.max_tokens is None
    assert parse_chat_request(ASK).seed != asked.seed  # drawn


def test_every_field_is_taken_and_passed_on_as_it_was() -> None:
    fields = {
        "n": 3, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "max_tokens": 7, "seed": 11,
        "stop": ["a", "b"], "logprobs": True, "top_logprobs": 2, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    asked = parse_chat_request(ASK | fields | {"user": "u-1", "store": False})
    assert (asked.user, asked.store) == ("u-1", False)
    again = parse_chat_request(body_of(asked))
    assert again == parse_chat_request(ASK | fields)
    request = asked.sample_request(7)
    assert (request.num_completions, request.top_k, request.min_p, request.seed) == (3, 40, 0.05, 11)
    assert (request.max_new_tokens, request.temperature, request.stop) == (7, 0.5, ("a", "b"))
    assert parse_chat_request(ASK | {"stop": "x", "max_completion_tokens": 5}).stop == ("x",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"n": True}, "n"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 7}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"seed": -1}, "seed"),
        ({"seed": LARGEST_SEED + 1}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"obfuscate": True}}, "stream_options.obfuscate"),
        ({"user": "u" * 513}, "user"),
        ({"user": "u\ud800"}, "user"),
        ({"user": "u\0"}, "user"),
        ({"model": "\0"}, "model"),
        ({"stop": ["a", "\udfff"]}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x", "name": "bob"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"temprature": 0.5}, "temprature"),
    ],
)
def test_what_would_have_no_effect_or_makes_no_sense_is_refused_by_its_name(fields: Any, param: str) -> None:
    error = refused(**fields)
    assert (error.status, error.param) == (400, param)
    assert error.body["error"]["type"] == "invalid_request_error"


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(ContractError, match="no JSON object"):
        parse_chat_request(["policy"])


def test_what_asks_for_nothing_is_taken() -> None:
    """Clients send their defaults along, and answers back as they got them."""
    sent = {
        "frequency_penalty": 0, "logit_bias": {}, "tools": [], "top_logprobs": 0, "response_format": {"type": "text"},
        "metadata": None, "service_tier": "auto",
    }  # fmt: skip
    said: dict[str, Any] = {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
        "tool_calls": None,
        "annotations": [],
    }
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
        said,
        {"role": "user", "content": "Again"},
    ]
    asked = parse_chat_request(ASK | sent | {"messages": messages})
    assert [message["role"] for message in asked.messages] == ["system", "user", "assistant", "user"]
    assert asked.messages[1]["content"] == "Hi"


def test_an_event_is_one_line_of_json_with_every_script_as_it_is() -> None:
    made = chunk(name="x", created=1, model="m", choices=[chunk_choice(0, {"content": "潮汐\n"})])
    sent = event(made)
    assert sent.startswith(b"data: {")
    assert sent.endswith(b"}\n\n")
    assert sent.count(b"\n") == 2
    assert "潮汐".encode() in sent
    assert json.loads(sent[6:]) == made
    assert DONE == b"data: [DONE]\n\n"


def test_errors_say_when_to_come_back() -> None:
    error = ContractError("Too many.", status=429, code="rate_limit_exceeded", retry_after=3)
    assert error.headers == {"Retry-After": "3"}
    assert error.body == {
        "error": {"message": "Too many.", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    }
