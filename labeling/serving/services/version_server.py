"""A version that a server of its own samples (vLLM, SGLang …): asked there, and answered as our own server answers.

Where prompts and the key may go is SAMPLING_SERVERS alone, which only whoever sets the environment decides.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx2
from django.conf import settings

from labeling.base.refusals import ModelRefused, ServingRefused, ServingUnavailable
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.backends import check_server
from labeling.serving.services.server import DOWN_SECONDS, Question
from lm.errors import UnusableModel, UnusablePrompt
from lm.model_directory import context_length
from lm.prompt_tokens import count_tokens
from sampler.backends.dialects import DIALECTS, Dialect, Unsupported, payload_of
from sampler.chat_contract.answers import Chunk, ChunkChoice, Delta, chunk, chunk_choice, usage
from sampler.chat_contract.requests import DEFAULT_MAX_TOKENS, ChatRequest
from sampler.protocol import PromptTooLong

VLLM = DIALECTS["vllm"]


def question(version: ModelVersion, request: ChatRequest, *, scope: str) -> Question:
    """To the version's server. Raises ServingRefused and ServingUnavailable."""
    try:
        check_server(version.server)
    except ModelRefused as refused:
        raise ServingUnavailable(str(refused), wait_seconds=3600) from refused
    tokens, most = _room(version, request)
    key = settings.SAMPLING_SERVER_API_KEY
    return Question(
        url=f"{version.server.rstrip('/')}/chat/completions",
        body=_body(version, request, most, scope=scope),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(settings.SAMPLING_SERVER_SECONDS, connect=5.0),
        read=_Reading(version.name, prompt_tokens=tokens).chunk_of,
    )


def _room(version: ModelVersion, request: ChatRequest) -> tuple[int, int]:
    """(tokens of the prompt, the most that may be written), as our own server counts them. Raises ServingRefused."""
    try:
        tokens, context = count_tokens(version.path, request.messages), context_length(version.path)
    except UnusableModel as unusable:
        said = f"The files of {version} can't be read here, so its prompts can't be counted: {unusable}"
        raise ServingUnavailable(said, wait_seconds=3600) from unusable
    except UnusablePrompt as refused:
        raise ServingRefused(str(refused), param="messages") from refused
    most = request.max_tokens or min(DEFAULT_MAX_TOKENS, context - tokens)
    if most < 1 or tokens + most > context:
        said = str(PromptTooLong(tokens=tokens, context=context, max_new_tokens=request.max_tokens or 1))
        raise ServingRefused(said, param="messages", code="context_length_exceeded")
    return tokens, most


def _body(version: ModelVersion, request: ChatRequest, most: int, *, scope: str) -> dict[str, object]:
    """Raises ServingRefused for what the server can't be asked."""
    dialect: Dialect = DIALECTS[version.backend]
    try:
        body = payload_of(request.sample_request(most), model=version.served_name, dialect=dialect, stream=True)
    except Unsupported as refused:
        raise ServingRefused(str(refused), param="top_k" if request.top_k else "min_p") from refused
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    body["stream_options"] = {"include_usage": True}
    if dialect is VLLM:
        body["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
        # vLLM finds what it read before by the text alone, whoever sent it; with a salt, by that, too.
        body["cache_salt"] = sha256(scope.encode()).hexdigest() if scope else secrets.token_hex(32)
    return body


@dataclass
class _Reading:
    """Makes chunks as our own server's of the chunks of another: under the version's name, and each with its usage."""

    model: str
    prompt_tokens: int
    pieces: int = 0

    def chunk_of(self, given: Any) -> Chunk:
        """Raises ServingUnavailable where it is none, or tells that a choice was broken off."""
        try:
            choices = [self._choice(each) for each in given.get("choices") or ()]
            made = chunk(name=given["id"], created=int(given["created"]), model=self.model, choices=choices)
            used = given.get("usage") or {}
            self.pieces += sum("content" in choice["delta"] for choice in choices)
            made["usage"] = usage(
                int(used.get("prompt_tokens", self.prompt_tokens)), int(used.get("completion_tokens", self.pieces))
            )
        except (LookupError, TypeError, ValueError, AttributeError) as wrong:
            said = "The model's server answers otherwise than OpenAI's API describes it. Tell an admin."
            raise ServingUnavailable(said, wait_seconds=DOWN_SECONDS) from wrong
        return made

    def _choice(self, given: Any) -> ChunkChoice:
        said, reason = given.get("delta") or {}, given.get("finish_reason")
        if reason not in (None, "stop", "length"):
            raise ServingUnavailable("The model's server broke the answer off. Ask again.", wait_seconds=DOWN_SECONDS)
        delta: Delta = {"content": said["content"]} if said.get("content") else {}
        if said.get("role"):
            delta = {"role": "assistant", "content": said.get("content") or ""}
        tokens = (given.get("logprobs") or {}).get("content")
        return chunk_choice(int(given.get("index", 0)), delta, reason, tokens)
