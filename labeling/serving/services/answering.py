"""A program's request as it goes through the gateway: its server's chunks on the one side, the ledger on the other."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from django.db import DatabaseError

from labeling.base.lasting import ALIVE
from labeling.base.refusals import PromptRefused, ServingUnavailable
from labeling.conversations.models import ServedConversation
from labeling.conversations.services.keeping import Answered, keep_answer, keep_of_program
from labeling.model_versions.models import ModelVersion
from labeling.people.tokens.models import ApiToken
from labeling.serving.services.ledger import note_usage
from labeling.serving.services.server import ServerStream
from labeling.serving.services.streaming import open_stream
from sampler.chat_contract.answers import (
    DONE,
    Answer,
    Choice,
    Chunk,
    TokenLogprob,
    Usage,
    answer,
    choice,
    event,
    usage,
)
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import ChatRequest

log = logging.getLogger(__name__)


class Left(Exception):
    """Whoever asked has hung up."""


@dataclass
class Passing:
    """One request on its way: `events`, or `whole` and then `end`, once. However it ends, it is counted, when whoever
    asked has the answer, and the server is let go of.
    """

    token: ApiToken
    asked: ChatRequest
    server: ServerStream
    kept: ServedConversation | None = None
    """Where the question was kept; its answer follows."""
    answer: str = ""
    """Of the first choice."""
    finish_reason: str = "stopped"
    began: float = field(default_factory=time.monotonic)
    first_token_after: float | None = None
    used: Usage = field(default_factory=lambda: usage(0, 0))

    @classmethod
    def begin(cls, *, token: ApiToken, asked: ChatRequest, version: ModelVersion | None, scope: str) -> "Passing":
        """`version`: what the request names. Raises ServingRefused and ServingUnavailable."""
        # Whatever was asked for, the server is to say with each chunk how many tokens there were: a request that is
        # left in the middle is counted, too.
        passed_on = replace(asked, stream=True, include_usage=True, continuous_usage=True)
        return cls(token=token, asked=asked, server=open_stream(passed_on, version=version, scope=scope))

    def keep(self) -> bool:
        """Keeps the question where that was consented to; whether it did is for the answer's header.

        It is called when the server has taken the request. Whatever goes wrong here, the program gets its answer.
        """
        try:
            self.kept = keep_of_program(
                token=self.token, messages=self.asked.messages, end_user=self.asked.user, store=self.asked.store
            )
        except (PromptRefused, DatabaseError):
            log.exception("a conversation could not be kept")
        return self.kept is not None

    def events(self) -> Iterator[bytes]:
        """What a client that streams is sent, as it comes."""
        try:
            for chunk in self._chunks():
                if chunk is None:
                    yield ALIVE
                    continue
                used = chunk.pop("usage", None)
                if not chunk["choices"] and not self.asked.include_usage:
                    continue
                if self.asked.include_usage:  # OpenAI's has null in all but the last one
                    chunk["usage"] = used if not chunk["choices"] or self.asked.continuous_usage else None
                yield event(chunk)
            yield DONE
        except ServingUnavailable as broken:
            yield event(ContractError(str(broken), status=503).body)
            yield DONE
        finally:
            self.end()

    def whole(self, has_left: Callable[[], bool]) -> Answer:
        """The answer in one piece. Raises ServingUnavailable, and Left. `end` is for the caller, in any case."""
        texts: dict[int, str] = {}
        logprobs: dict[int, list[TokenLogprob]] = {}
        ends: dict[int, str] = {}
        last: Chunk | None = None
        for chunk in self._chunks():
            if has_left():
                raise Left
            for one in chunk["choices"] if chunk else ():
                index = one["index"]
                texts[index] = texts.get(index, "") + one["delta"].get("content", "")
                logprobs.setdefault(index, []).extend(one["logprobs"]["content"] if one["logprobs"] else ())
                ends[index] = one["finish_reason"] or ends.get(index, "")
            last = chunk or last
        assert last is not None  # a stream begins with a chunk
        choices: list[Choice] = [
            choice(index, texts[index], ends[index], logprobs[index] if self.asked.logprobs else None)
            for index in sorted(texts)
        ]
        return answer(name=last["id"], created=last["created"], model=last["model"], choices=choices, used=self.used)

    def end(self) -> None:
        """Lets go of the server, and writes down what was used, and the answer to a question that was kept."""
        self.server.close()
        note_usage(
            token=self.token,
            prompt_tokens=self.used["prompt_tokens"],
            completion_tokens=self.used["completion_tokens"],
        )
        if self.kept is not None and (version := self.version()) is not None:
            answered = Answered(text=self.answer, version=version, finish_reason=self.finish_reason)
            keep_answer(conversation_id=self.kept.pk, answered=answered)
        log.info(
            "chat completion: token_id=%d model=%r prompt_tokens=%d completion_tokens=%d first_token=%.3f seconds=%.3f",
            self.token.pk,
            self.server.model,
            self.used["prompt_tokens"],
            self.used["completion_tokens"],
            self.first_token_after or 0.0,
            time.monotonic() - self.began,
        )

    def version(self) -> ModelVersion | None:
        """The one that answers."""
        return ModelVersion.objects.filter(name=self.server.model).first()

    def _chunks(self) -> Iterator[Chunk | None]:
        for chunk in self.server:
            for one in chunk["choices"] if chunk else ():
                if one["index"] == 0:
                    self.answer += one["delta"].get("content", "")
                    self.finish_reason = one["finish_reason"] or self.finish_reason
            if chunk is not None and (used := chunk.get("usage")):
                self.used = used
                if self.first_token_after is None and used["completion_tokens"]:
                    self.first_token_after = time.monotonic() - self.began
            yield chunk
