"""One conversation answered token by token, for pages and programs alike."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labeling.base.refusals import ServingRefused, ServingUnavailable
from labeling.base.states import ModelBackend
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_sft_model
from labeling.serving.queries import servable_versions
from labeling.serving.services import server, version_server
from labeling.serving.services.server import DOWN_SECONDS, LOADING_SECONDS, NotLoaded, ServerStream
from lm.prompt_format import Message
from sampler.chat_contract.answers import Chunk, TokenLogprob
from sampler.chat_contract.requests import ChatRequest

POLICY = "policy"
"""The name that stays while versions move: always the current SFT model, or policy."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How an answer is drawn; the defaults are the model's own distribution."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int | None = None
    """None: as many as the context has room for, at most DEFAULT_MAX_TOKENS of sampler/chat_contract/requests.py."""
    stop: Sequence[str] = ()
    n: int = 1
    seed: int = field(default_factory=lambda: random.getrandbits(31))
    logprobs: bool = False


@dataclass(frozen=True, kw_only=True)
class TextAdded:
    """What a choice has grown by; all of a choice's texts together are its answer. May be empty: still at work."""

    index: int
    text: str
    logprobs: Sequence[TokenLogprob] = ()


@dataclass(frozen=True, kw_only=True)
class ChoiceEnded:
    """`finish_reason`: stop, or length where the most tokens were reached."""

    index: int
    finish_reason: str


@dataclass(frozen=True, kw_only=True)
class TokensUsed:
    """The last event. The prompt counts once."""

    prompt_tokens: int
    completion_tokens: int


ChatEvent = TextAdded | ChoiceEnded | TokensUsed


class ChatStream:
    """The events of one answer, once; closing it ends the sampling.

    `model`: the name of the version that answers. Iterating raises ServingUnavailable where the server breaks off.
    """

    def __init__(self, server: ServerStream) -> None:
        self.model = server.model
        self._server = server

    def __iter__(self) -> Iterator[ChatEvent]:
        try:
            for chunk in self._server:
                yield from _events(chunk)
        finally:
            self.close()

    def close(self) -> None:
        self._server.close()


def stream_chat(
    *, version: ModelVersion | None, messages: Sequence[Message], sampling: Sampling, scope: str
) -> ChatStream:
    """Begins an answer of a model version, or of the current one (None), and returns its events.

    `scope`: whose conversation it is, such as `labeler-12`: its next turn need not be read anew, and nobody else's ever
    begins with it; "": nobody's. Raises ServingRefused and ServingUnavailable before anything is sampled.
    """
    request = ChatRequest(
        model=version.name if version else POLICY,
        messages=messages,
        n=sampling.n,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
        stop=sampling.stop,
        logprobs=sampling.logprobs,
        stream=True,
        include_usage=True,
    )
    return ChatStream(open_stream(request, version=version or named(POLICY), scope=scope))


def open_stream(request: ChatRequest, *, version: ModelVersion | None, scope: str) -> ServerStream:
    """The chunks of `version`, which is what the request names, from its own server or ours, which is told to load a
    version that it does not have yet; that is waited for within bounds.

    Raises ServingRefused and ServingUnavailable.
    """
    if version is None:
        raise ServingUnavailable("No language model is current yet.", wait_seconds=60)
    if version.backend != ModelBackend.LOCAL:
        return _from_its_own_server(request, version, scope=scope)
    asked = server.question(request, scope=scope)
    try:
        return ServerStream(asked)
    except NotLoaded:
        server.load(version.name, version.path, aliases=(POLICY,) if request.model == POLICY else ())
    try:
        return ServerStream(asked)
    except NotLoaded as still:
        said = f"The model {version} is being loaded. Try again in a moment."
        raise ServingUnavailable(said, wait_seconds=LOADING_SECONDS) from still


def _from_its_own_server(request: ChatRequest, version: ModelVersion, *, scope: str) -> ServerStream:
    try:
        return ServerStream(version_server.question(version, request, scope=scope))
    except NotLoaded as unknown:
        said = f"The server of {version} knows no model “{version.served_name}”: {unknown}"
        raise ServingUnavailable(said, wait_seconds=DOWN_SECONDS) from unknown


def named(model: str) -> ModelVersion | None:
    """The version that a name stands for now. Raises ServingRefused for a name that stands for none."""
    if model == POLICY:
        return current_sft_model()
    version = servable_versions().filter(name=model).first()
    if version is None:
        said = f"There is no model {model[:200]!r}; GET /v1/models lists them."
        raise ServingRefused(said, param="model", code="model_not_found")
    return version


def _events(chunk: Chunk | None) -> Iterator[ChatEvent]:
    if chunk is None:
        yield TextAdded(index=0, text="")
        return
    for choice in chunk["choices"]:
        logprobs = choice["logprobs"]["content"] if choice["logprobs"] else ()
        if choice["delta"].get("content") or logprobs:
            yield TextAdded(index=choice["index"], text=choice["delta"].get("content", ""), logprobs=logprobs)
        if choice["finish_reason"]:
            yield ChoiceEnded(index=choice["index"], finish_reason=choice["finish_reason"])
    if not chunk["choices"] and (used := chunk.get("usage")):
        yield TokensUsed(prompt_tokens=used["prompt_tokens"], completion_tokens=used["completion_tokens"])
