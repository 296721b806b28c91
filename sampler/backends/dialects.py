"""What each kind of OpenAI-compatible server is asked for, and what it can't be asked for, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sampler.protocol import SampleRequest


class Unsupported(ValueError):
    """The server has no such field, and Concord leaves none out: what was asked for would not be what is sampled."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    name: str
    """As people know the server."""
    filters: bool
    """Whether it knows `top_k` and `min_p`, which OpenAI's API has not."""
    token_ids: bool
    """Whether it says which tokens were drawn."""


DIALECTS: Mapping[str, Dialect] = {
    "vllm": Dialect(name="vLLM", filters=True, token_ids=True),
    "sglang": Dialect(name="SGLang", filters=True, token_ids=False),
    "openai": Dialect(name="an OpenAI-compatible server", filters=False, token_ids=False),
}


def payload_of(request: SampleRequest, *, model: str, dialect: Dialect, stream: bool = False) -> dict[str, Any]:
    """The body of one request to /chat/completions. Raises Unsupported."""
    _check(request, dialect)
    payload: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message["role"], "content": message["content"]} for message in request.messages],
        "n": request.num_completions,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_new_tokens,
        "seed": request.seed,
        "stream": stream,
        "logprobs": True,
    }
    # vLLM 0.10.2 and later give the ids of the tokens where they are asked for by this name.
    payload |= {"return_token_ids": True} if dialect.token_ids else {}
    payload |= {"stop": list(request.stop)} if request.stop else {}
    payload |= {"top_k": request.top_k} if request.top_k else {}
    payload |= {"min_p": request.min_p} if request.min_p else {}
    return payload


def _check(request: SampleRequest, dialect: Dialect) -> None:
    asked = {"top_k": request.top_k, "min_p": request.min_p}
    if not dialect.filters and (named := [name for name, value in asked.items() if value]):
        raise Unsupported(
            f"{' and '.join(named)} can't be asked of {dialect.name}: OpenAI's API has no such field. Leave it at 0, "
            "or sample from vLLM, SGLang or the local engine."
        )
    if request.end_logit:
        raise Unsupported(
            f"end_logit can't be asked of {dialect.name}. Leave it at 0, or sample from the local engine."
        )
