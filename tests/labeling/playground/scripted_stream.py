"""A stream in the place of the models' server: it says what it is told to."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from labeling.models import ModelVersion
from labeling.playground import queries, services
from labeling.serving.services.streaming import ChatEvent, ChoiceEnded, Sampling, TextAdded, TokensUsed
from lm.prompt_format import Message

Piece = str | Exception | Callable[[], str]


class ScriptedStream:
    """Says the pieces; an exception among them is raised, a function asked for what to say."""

    model = "scripted"

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[ChatEvent]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield TextAdded(index=0, text=piece() if callable(piece) else piece)
        yield ChoiceEnded(index=0, finish_reason="stop")
        yield TokensUsed(prompt_tokens=1, completion_tokens=len(self.pieces))

    def close(self) -> None:
        self.closed = True


class ScriptedServer:
    """What it was asked, and what it says: `refuses` before anything is sampled, else `pieces`."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = ["Because ", "of the ", "air."]
        self.refuses: Exception | None = None
        self.asked: list[dict[str, Any]] = []
        self.streams: list[ScriptedStream] = []

    def stream_chat(
        self, *, version: Any, messages: Sequence[Message], sampling: Sampling, scope: str
    ) -> ScriptedStream:
        if self.refuses is not None:
            raise self.refuses
        self.asked.append(
            {"version": version.name, "messages": list(messages), "scope": scope, "temperature": sampling.temperature}
        )
        self.streams.append(ScriptedStream(self.pieces))
        return self.streams[-1]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """Serves every version that a test makes, without a worker that tried it."""
    scripted = ScriptedServer()
    monkeypatch.setattr(services, "stream_chat", scripted.stream_chat)
    monkeypatch.setattr(queries, "servable_versions", lambda: ModelVersion.objects.filter(kind="sft"))
    return scripted
