"""A person's turn is answered as a stream of events, and kept where they agreed to it."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence

from django.contrib.auth.models import User

from labeling.base.lasting import ALIVE, release_connection
from labeling.base.refusals import ServingRefused, ServingUnavailable
from labeling.conversations.services.keeping import Answered, keep_answer, keep_of_person
from labeling.model_versions.models import ModelVersion
from labeling.serving.services.streaming import ChatStream, ChoiceEnded, Sampling, TextAdded, stream_chat
from lm.prompt_format import Message

log = logging.getLogger(__name__)

STOPPED = "stopped"
"""Why an answer ended that its reader stopped, or whose stream broke off."""


def begin_answer(
    *, user: User, version: ModelVersion, messages: Sequence[Message], temperature: float
) -> tuple[ChatStream, int | None]:
    """The model's stream, and the number under which the conversation is kept; None: it is not.

    Raises ServingRefused and ServingUnavailable, before anything is kept, and PromptRefused.
    """
    sampling = Sampling(temperature=temperature)
    stream = stream_chat(version=version, messages=messages, sampling=sampling, scope=f"person-{user.pk}")
    try:
        kept = keep_of_person(user=user, version=version, messages=messages)
    except BaseException:
        stream.close()
        raise
    release_connection()  # the answer may take minutes
    return stream, kept.pk if kept else None


def answer_events(
    stream: ChatStream, *, version: ModelVersion, kept: int | None, broken: Callable[[], str]
) -> Iterator[bytes]:
    """Server-sent events: {kept}, {text} …, then {end} or {problem}. However it ends, what was said so far is kept.

    `broken`: the words for a stream that breaks off.
    """
    said: list[str] = []
    ended = STOPPED
    try:
        yield _event({"kept": kept is not None})
        for happened in stream:
            if isinstance(happened, TextAdded):
                said.append(happened.text)
                yield _event({"text": happened.text}) if happened.text else ALIVE
            elif isinstance(happened, ChoiceEnded):
                ended = happened.finish_reason
        yield _event({"end": ended})
    except (ServingRefused, ServingUnavailable) as failure:
        log.warning("The playground's stream broke off: %s", failure)
        yield _event({"problem": broken()})
    finally:
        stream.close()
        if kept is not None:
            answered = Answered(text="".join(said), version=version, finish_reason=ended)
            keep_answer(conversation_id=kept, answered=answered)


def _event(data: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"
