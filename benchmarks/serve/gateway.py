"""What the gateway does itself for a request: token, rate, quota, consent, the contract's fields, the ledger."""

import json
import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

from labeling.base.lasting import ROOM
from labeling.serving.services.server import Question, ServerStream
from sampler.chat_contract.answers import Chunk


class Clocked(ServerStream):
    """Adds up the seconds in which the model's server is asked and waited for."""

    seconds = 0.0

    def __init__(self, asked: Question) -> None:
        started = time.perf_counter()
        super().__init__(asked)
        Clocked.seconds += time.perf_counter() - started

    def __iter__(self) -> Iterator[Chunk | None]:
        chunks = super().__iter__()
        while True:
            started = time.perf_counter()
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            finally:
                Clocked.seconds += time.perf_counter() - started
            yield chunk


def own_seconds(key: str, *, server: str, requests: int) -> list[float]:
    """Of each request, from the application's call until it is closed, all of it but the model's server.

    The application is called in this process, so that neither the web server nor a client runs beside it. Raises
    RuntimeError where a request is not answered.
    """
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415  (needs Django set up)
    from django.test import RequestFactory, override_settings  # noqa: PLC0415

    application, factory = get_wsgi_application(), RequestFactory()
    body = json.dumps({"model": "policy", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
    statuses: list[str] = []

    def begin(status: str, *_: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return len  # nobody calls it

    def one() -> float:
        request = factory.post(
            "/v1/chat/completions", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"},
            SERVER_NAME="127.0.0.1",
        )  # fmt: skip
        waited, started = Clocked.seconds, time.perf_counter()
        request.environ[ROOM] = lambda: 1  # as the web server says it of the only request
        answer = application(request.environ, begin)
        for _part in answer:
            pass
        answer.close()
        spent = time.perf_counter() - started
        return spent - (Clocked.seconds - waited)

    settings = override_settings(SERVING_URL=server, SERVING_REQUESTS_PER_MINUTE=1_000_000)
    with settings, patch("labeling.serving.services.streaming.ServerStream", Clocked):
        found = [one() for _ in range(requests + 5)][5:]
    if set(statuses) != {"200 OK"}:
        raise RuntimeError(f"The gateway answered {sorted(set(statuses))}.")
    return found
