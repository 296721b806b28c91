"""What `/v1/chat/completions` takes: OpenAI's fields, checked. What is not known, or not supported, is refused by name.

`top_k` and `min_p` are not OpenAI's; other servers have them, too, and the client sends them as `extra_body`.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lm.conversations import InvalidConversation, check_conversation, unstorable_character
from lm.prompt_format import Message
from sampler.chat_contract.errors import ContractError
from sampler.protocol import MOST_LIKELIEST, MOST_STOPS, SampleRequest

MOST_CHOICES = 16
LARGEST_SEED = 2**63 - 1 - MOST_CHOICES
DEFAULT_MAX_TOKENS = 1024
"""Where a request names no most: at most so many, and no more than the context has room for. OpenAI's would take all
that is left of the context, and as much memory is set aside for a completion as it may come to need."""
LONGEST_STOP = 256
LONGEST_USER = 512

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "metadata": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (),
    "prediction": (),
    "presence_penalty": (0,),
    "prompt_cache_key": (),
    "prompt_cache_retention": (),
    "reasoning_effort": (),
    "response_format": ({"type": "text"},),
    "safety_identifier": (),
    "service_tier": ("auto", "default"),
    "tool_choice": ("none",),
    "tools": ([],),
    "verbosity": (),
    "web_search_options": (),
}
"""OpenAI's fields that are not supported, each with the values, beside null, that ask for nothing."""
_OF_MESSAGES = ("annotations", "audio", "function_call", "refusal", "tool_calls")
"""What OpenAI's answers have beside role and content: taken where it is empty, so that an answer can be sent back."""


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """One request as it was sent, with what was left out filled in."""

    model: str
    messages: Sequence[Message]
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int | None = None
    """None: DEFAULT_MAX_TOKENS, or what the context has room for."""
    seed: int = 0
    """Of the first choice; the next has the next number. Drawn where none was sent."""
    stop: Sequence[str] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    """Of so many of the likeliest tokens at each place the log-probabilities are answered, too."""
    stream: bool = False
    include_usage: bool = False
    """A last chunk says how many tokens there were."""
    continuous_usage: bool = False
    """Every chunk says it (vLLM's `stream_options.continuous_usage_stats`)."""
    user: str = ""
    """Whom the program asks for."""
    store: bool | None = None
    """False: the conversation must not be kept. It never asks for more than was consented to."""

    def sample_request(self, max_tokens: int) -> SampleRequest:
        return SampleRequest(
            messages=self.messages,
            num_completions=self.n,
            seed=self.seed,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            stop=self.stop,
            max_new_tokens=max_tokens,
            likeliest=self.top_logprobs,
        )


def parse_chat_request(body: object) -> ChatRequest:
    """Raises ContractError, which names the field."""
    if not isinstance(body, dict):
        raise ContractError("The body is no JSON object with the fields of a chat completion.")
    fields = {str(name): value for name, value in body.items() if value is not None}
    _refuse_what_is_not_known(fields)
    _refuse_what_no_text_holds(fields)
    options = _stream_options(fields)
    return ChatRequest(
        model=_model(fields.get("model")),
        messages=parse_messages(fields.get("messages")),
        n=_integer(fields, "n", 1, least=1, most=MOST_CHOICES),
        temperature=_number(fields, "temperature", 1.0, least=0.0, most=2.0),
        top_p=_number(fields, "top_p", 1.0, least=0.0, most=1.0, above=True),
        top_k=_integer(fields, "top_k", 0, least=0, most=1_000_000),
        min_p=_number(fields, "min_p", 0.0, least=0.0, most=1.0),
        max_tokens=_max_tokens(fields),
        seed=_integer(fields, "seed", random.getrandbits(31), least=0, most=LARGEST_SEED),
        stop=_stops(fields.get("stop")),
        logprobs=_boolean(fields, "logprobs"),
        top_logprobs=_top_logprobs(fields),
        stream=_boolean(fields, "stream"),
        include_usage=options["include_usage"],
        continuous_usage=options["continuous_usage_stats"],
        user=_text(fields, "user", LONGEST_USER),
        store=_boolean(fields, "store") if "store" in fields else None,
    )


def body_of(request: ChatRequest) -> dict[str, object]:
    """The request as it is sent on: `parse_chat_request` makes the same of it."""
    body: dict[str, object] = {
        "model": request.model,
        "messages": list(request.messages),
        "n": request.n,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "min_p": request.min_p,
        "seed": request.seed,
        "stop": list(request.stop),
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "stream": request.stream,
    }
    if request.max_tokens is not None:
        body["max_completion_tokens"] = request.max_tokens
    if request.stream:
        body["stream_options"] = {
            "include_usage": request.include_usage,
            "continuous_usage_stats": request.continuous_usage,
        }
    return body


def parse_messages(messages: object) -> list[Message]:
    """Contents may be texts, or lists of text parts as OpenAI has them. Raises ContractError."""
    if not isinstance(messages, list):
        raise ContractError("messages is to be a list of objects with a role and a content.", param="messages")
    plain = [_message(f"messages[{place}]", message) for place, message in enumerate(messages)]
    try:
        return check_conversation(plain)
    except InvalidConversation as refused:
        raise ContractError(str(refused), param="messages") from refused


def _message(place: str, message: object) -> Message:
    if not isinstance(message, dict):
        raise ContractError(f"{place} is no object with a role and a content.", param=place)
    for name, value in message.items():
        if name not in ("role", "content") and not (name in _OF_MESSAGES and not value):
            said = f"{place} has {name!r}, which is not supported: a message has a role and a content."
            raise ContractError(said, param=f"{place}.{name}")
    role = message.get("role")
    if role == "developer":  # what OpenAI's newer models call it
        role = "system"
    if role not in ("system", "user", "assistant"):
        said = f"{place}.role is {role!r}; it is to be system, user or assistant."
        raise ContractError(said, param=f"{place}.role")
    return Message(role=role, content=_content(f"{place}.content", message.get("content")))


def _content(place: str, content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ContractError(f"{place} is to be a text, or a list of parts that are texts.", param=place)
    texts = []
    for number, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ContractError(
                f"{place}[{number}] is no part of the type text; others are not supported.", param=f"{place}[{number}]"
            )
        texts.append(part["text"])
    return "".join(texts)


def _refuse_what_is_not_known(fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        if name in _NEUTRAL and value not in _NEUTRAL[name]:
            allowed = " or ".join(["leave it out", *(f"send {one!r}" for one in _NEUTRAL[name])])
            raise ContractError(
                f"{name} is not supported here, so it would have no effect: {allowed}.",
                param=name,
                code="unsupported_parameter",
            )
        if name not in _NEUTRAL and name not in _KNOWN:
            raise ContractError(
                f"{name} is no field of a chat completion, so it would have no effect: leave it out.",
                param=name,
                code="unknown_parameter",
            )


def _refuse_what_no_text_holds(fields: Mapping[str, object]) -> None:
    """NUL and lone surrogates, which JSON can escape, and neither UTF-8 nor a database can hold. Messages are checked
    where they are parsed.
    """
    for name, value in fields.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and (problem := unstorable_character(text)):
                raise ContractError(f"{name}: {problem}", param=name)


_KNOWN = frozenset(
    {
        "max_completion_tokens", "max_tokens", "messages", "min_p", "model", "n", "seed", "stop", "store", "stream",
        "stream_options", "temperature", "top_k", "top_logprobs", "top_p", "user", "logprobs",
    }
)  # fmt: skip


def _model(model: object) -> str:
    if not isinstance(model, str) or not model:
        raise ContractError("model is to be the name of a model; GET /v1/models lists them.", param="model")
    return model


def _integer(fields: Mapping[str, object], name: str, default: int, *, least: int, most: int) -> int:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ContractError(
            f"{name} is {_shown(value)}; it is to be a whole number from {least} to {most}.", param=name
        )
    return value


def _number(
    fields: Mapping[str, object], name: str, default: float, *, least: float, most: float, above: bool = False
) -> float:
    """`above`: `least` itself is too little."""
    value = fields.get(name, default)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not least <= value <= most
        or (above and value == least)
    ):
        bounds = f"above {least:g} and at most {most:g}" if above else f"from {least:g} to {most:g}"
        raise ContractError(f"{name} is {_shown(value)}; it is to be a number {bounds}.", param=name)
    return float(value)


def _boolean(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise ContractError(f"{name} is {_shown(value)}; it is to be true or false.", param=name)
    return value


def _text(fields: Mapping[str, object], name: str, longest: int) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise ContractError(f"{name} is to be a text of at most {longest} characters.", param=name)
    return value


def _max_tokens(fields: Mapping[str, object]) -> int | None:
    names = [name for name in ("max_completion_tokens", "max_tokens") if name in fields]
    if len(names) > 1 and fields["max_tokens"] != fields["max_completion_tokens"]:
        said = "max_tokens and max_completion_tokens are two names of one thing and differ; send one of them."
        raise ContractError(said, param="max_tokens")
    return _integer(fields, names[0], 1, least=1, most=1_000_000) if names else None


def _top_logprobs(fields: Mapping[str, object]) -> int:
    most = _integer(fields, "top_logprobs", 0, least=0, most=MOST_LIKELIEST)
    if most and fields.get("logprobs") is not True:
        raise ContractError("top_logprobs are of use only with logprobs: true.", param="top_logprobs")
    return most


def _stops(stop: object) -> tuple[str, ...]:
    texts = [stop] if isinstance(stop, str) else [] if stop is None else stop
    good: Callable[[object], bool] = lambda text: isinstance(text, str) and 0 < len(text) <= LONGEST_STOP  # noqa: E731
    if not isinstance(texts, list) or len(texts) > MOST_STOPS or not all(map(good, texts)):
        said = f"stop is to be a text, or a list of at most {MOST_STOPS}, of 1 to {LONGEST_STOP} characters each."
        raise ContractError(said, param="stop")
    return tuple(texts)


def _stream_options(fields: Mapping[str, object]) -> dict[str, bool]:
    options = fields.get("stream_options", {})
    known = dict.fromkeys(("include_usage", "continuous_usage_stats"), False)
    if not isinstance(options, dict):
        raise ContractError("stream_options is to be an object.", param="stream_options")
    if options and fields.get("stream") is not True:
        raise ContractError("stream_options are of use only with stream: true.", param="stream_options")
    for name, value in options.items():
        if name == "include_obfuscation" and value is False:
            continue
        if name not in known or not isinstance(value, bool):
            said = f"stream_options.{name} is not supported, or is no true or false."
            raise ContractError(said, param=f"stream_options.{name}")
        known[name] = value
    return known


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"
