"""A server of its own behind the sampler's protocol: what is asked, what becomes of errors, what is never sent."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lm.errors import UnusablePrompt
from sampler.backends.answers import ServerFault
from sampler.backends.connection import Connection, Limits, ServerDown
from sampler.backends.dialects import DIALECTS, Unsupported
from sampler.backends.server import ServerSampler
from sampler.protocol import PromptTooLong, SampleRequest
from tests.sampler.backends.scripted_server import (
    Answer,
    Exchange,
    ScriptedServer,
    as_asked,
    choice,
    delta,
    failing,
    hanging_up,
    saying,
    scripted_server,
    streaming,
)
from tests.tiny_models import make_tiny_model

REQUEST = SampleRequest(
    messages=[{"role": "user", "content": "Hi"}], num_completions=3, seed=10, temperature=0.7, top_p=0.9,
    max_new_tokens=8,
)  # fmt: skip
KEY = "sk-the-secret-key"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


class Pauses(list[float]):
    """What a sampler waits, which no test has time for."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def sampler_of(model: Path, pauses: Pauses) -> Any:
    def make(server: ScriptedServer, *, dialect: str = "vllm", **limits: Any) -> ServerSampler:
        connection = Connection(
            address=server.address, api_key=KEY, limits=Limits(**({"answer_seconds": 2} | limits)), sleep=pauses
        )
        return ServerSampler(connection=connection, dialect=DIALECTS[dialect], model="policy-3", path=model)

    return make


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes with each look at the clock."""
    seconds = count()
    monkeypatch.setattr("sampler.backends.server.time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


@pytest.fixture
def serving() -> Iterator[Any]:
    """`serving(answer, …)`: a server that gives these answers in turn."""
    opened: list[Any] = []

    def serve(*answers: Answer) -> ScriptedServer:
        opened.append(scripted_server(*answers))
        server: ScriptedServer = opened[-1].__enter__()
        return server

    yield serve
    for each in opened:
        each.__exit__(None, None, None)


class TestWhatIsAsked:
    def test_k_completions_are_one_request_and_come_back_with_what_was_drawn(
        self, serving: Any, sampler_of: Any
    ) -> None:
        server = serving(saying(choice("\n a ", token_ids=[7, 8]), choice("b", [-1.0], "length"), choice("", [-0.1])))
        ((first, second, third),) = sampler_of(server).sample([REQUEST])

        (asked,) = server.requests
        assert asked == {
            "model": "policy-3", "messages": [{"role": "user", "content": "Hi"}], "n": 3, "temperature": 0.7,
            "top_p": 0.9, "max_tokens": 8, "seed": 10, "stream": False, "logprobs": True, "return_token_ids": True,
        }  # fmt: skip
        assert (first.text, first.token_ids, first.logprobs, first.mean_logprob) == ("a", (7, 8), (-0.5, -1.5), -1.0)
        assert [each.seed for each in (first, second, third)] == [10, 11, 12]
        assert (second.finish_reason, second.token_count, second.token_ids) == ("length", 1, ())
        assert third.text == ""

    def test_the_time_is_that_of_the_request_and_nobody_knows_when_the_first_token_came(
        self, serving: Any, sampler_of: Any, ticking: None
    ) -> None:
        (completions,) = sampler_of(serving(as_asked)).sample([REQUEST])
        assert [(each.first_token_seconds, each.seconds) for each in completions] == [(None, 1.0)] * 3

    def test_fewer_choices_than_asked_are_asked_for_again_under_further_seeds(
        self, serving: Any, sampler_of: Any
    ) -> None:
        """Never one of those that were asked already, whichever choice was broken off and in what order they come."""
        one_broken = saying(choice("cut", reason="abort"), choice("c") | {"index": 2}, choice("b") | {"index": 1})
        server = serving(one_broken, as_asked)
        (completions,) = sampler_of(server).sample([REQUEST])
        assert [(each.text, each.seed) for each in completions] == [("c", 12), ("b", 11), ("text 13", 13)]
        assert [(each["n"], each["seed"]) for each in server.requests] == [(3, 10), (1, 13)]

    def test_a_server_that_gives_nothing_is_not_asked_for_ever(self, serving: Any, sampler_of: Any) -> None:
        server = serving(saying(choice("a")), saying())
        with pytest.raises(ServerDown, match="gave 1 of 3 completions"):
            sampler_of(server).sample([REQUEST])
        assert len(server.requests) == 3

    def test_no_more_requests_at_once_than_allowed(self, serving: Any, sampler_of: Any) -> None:
        now, most, lock = [0], [0], threading.Lock()

        def counted(exchange: Exchange) -> None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            threading.Event().wait(0.02)
            with lock:
                now[0] -= 1
            as_asked(exchange)

        requests = [replace(REQUEST, seed=100 * number) for number in range(6)]
        found = sampler_of(serving(counted), concurrency=2).sample(requests)
        assert [completions[0].text for completions in found] == [f"text {100 * number}" for number in range(6)]
        assert most == [2]

    @pytest.mark.parametrize("requests", [1, 3])
    def test_what_is_streamed_meanwhile_comes_before_what_takes_long(
        self, serving: Any, sampler_of: Any, requests: int
    ) -> None:
        enough, said = threading.Event(), list[str]()
        end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
        drawn = {"logprobs": {"content": [{"token": "x", "logprob": -0.5}]}}
        stream = streaming(delta("Hello", **drawn), end, "data: [DONE]")

        def answer(exchange: Exchange) -> None:
            if exchange.body.get("stream"):
                return stream(exchange)
            assert enough.wait(10)
            return as_asked(exchange)

        sampler = sampler_of(serving(answer), answer_seconds=20, concurrency=requests + 1)

        def meanwhile() -> None:
            if not said:
                said.extend(sampler.stream(replace(REQUEST, num_completions=1)))
                enough.set()

        found = sampler.sample([replace(REQUEST, seed=100 * number) for number in range(requests)], meanwhile=meanwhile)
        assert said == ["Hello"]
        assert [completions[0].text for completions in found] == [f"text {100 * number}" for number in range(requests)]

    def test_what_fails_is_not_waited_for_and_what_has_not_begun_is_not_asked(
        self, serving: Any, sampler_of: Any
    ) -> None:
        server = serving(failing(400, "no such model"))
        with pytest.raises(ServerFault, match="no such model"):
            sampler_of(server, concurrency=1).sample([REQUEST] * 4, meanwhile=lambda: None)
        assert len(server.requests) < 4

    def test_what_a_server_has_no_field_for_is_refused_by_name_before_anything_is_sent(
        self, serving: Any, sampler_of: Any
    ) -> None:
        server = serving(as_asked)
        plain, vllm = sampler_of(server, dialect="openai"), sampler_of(server)
        with pytest.raises(Unsupported, match=r"top_k and min_p can't be asked of an OpenAI-compatible server"):
            plain.sample([replace(REQUEST, top_k=5, min_p=0.1)])
        with pytest.raises(Unsupported, match=r"end_logit can't be asked of vLLM"):
            vllm.sample([replace(REQUEST, end_logit=1.0)])
        assert server.requests == []
        vllm.sample([replace(REQUEST, top_k=5, min_p=0.1, stop=["\n\n"])])
        assert {name: server.requests[0][name] for name in ("top_k", "min_p", "stop")} == {
            "top_k": 5, "min_p": 0.1, "stop": ["\n\n"],
        }  # fmt: skip

    def test_a_prompt_over_the_context_is_refused_with_the_numbers_and_not_sent(
        self, serving: Any, sampler_of: Any
    ) -> None:
        server = serving(as_asked)
        long = replace(REQUEST, messages=[{"role": "user", "content": "x" * 600}])
        with pytest.raises(PromptTooLong, match=r"at most 504 fit.*context is 512 tokens"):
            sampler_of(server).sample([REQUEST, long])
        assert server.requests == []


class TestErrors:
    @pytest.mark.parametrize("trouble", [failing(503), failing(429), failing(500), hanging_up])
    def test_what_may_pass_is_asked_again_with_growing_pauses(
        self, serving: Any, sampler_of: Any, pauses: Pauses, trouble: Answer
    ) -> None:
        server = serving(trouble, trouble, as_asked)
        (completions,) = sampler_of(server).sample([REQUEST])
        assert len(completions) == 3
        assert len(pauses) == 2
        assert 0 <= pauses[0] <= 0.5
        assert 0 <= pauses[1] <= 1.0

    def test_the_pause_is_what_the_server_asks_for(self, serving: Any, sampler_of: Any, pauses: Pauses) -> None:
        past = "Wed, 21 Oct 2015 07:28:00 GMT"
        server = serving(failing(429, Retry_After="7"), failing(503, Retry_After=past), as_asked)
        sampler_of(server).sample([REQUEST])
        assert pauses == [7.0, 0.0]

    def test_one_that_asks_for_an_hour_or_never_answers_is_down(
        self, serving: Any, sampler_of: Any, pauses: Pauses
    ) -> None:
        server = serving(failing(503, "loading", Retry_After="3600"))
        with pytest.raises(ServerDown, match=r"does not answer \(HTTP 503: loading\)"):
            sampler_of(server).sample([REQUEST])
        assert pauses == []
        server = serving(failing(502))
        with pytest.raises(ServerDown, match="502"):
            sampler_of(server).sample([REQUEST])
        assert len(server.requests) == 4

    def test_one_that_stalls_or_drips_is_given_up_after_its_time(self, serving: Any, sampler_of: Any) -> None:
        enough = threading.Event()

        def drips(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("Content-Length", "1000000")
            exchange.end_headers()
            while not enough.wait(0.02):
                exchange.wfile.write(b" ")
                exchange.wfile.flush()

        try:
            for answer in (lambda _: enough.wait(5), drips):
                with pytest.raises(ServerDown, match="ReadTimeout"):
                    sampler_of(serving(answer), answer_seconds=0.1, attempts=2).sample([REQUEST])
        finally:
            enough.set()

    def test_nobody_there_is_down(self, sampler_of: Any) -> None:
        with scripted_server(as_asked) as gone:
            pass
        with pytest.raises(ServerDown, match="ConnectError"):
            sampler_of(gone).sample([REQUEST])

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (failing(404, "The model `policy-3` does not exist."), "does not exist"),
            (failing(401), "Set SAMPLING_SERVER_API_KEY"),
            (failing(307, Location="http://169.254.169.254/"), "redirects elsewhere"),
            (saying({"message": {"content": "a"}, "finish_reason": "stop"}), "ignores that field"),
            (saying(choice("a", [float("nan")])), "no numbers"),
            (lambda exchange: exchange.reply(["odd"]), "no list of choices"),
            (saying({"message": None, "finish_reason": "stop"}), "not as OpenAI's API describes"),
        ],
    )
    def test_what_stays_wrong_is_said_at_once(
        self, serving: Any, sampler_of: Any, pauses: Pauses, answer: Answer, words: str
    ) -> None:
        server = serving(answer)
        with pytest.raises(ServerFault, match=words):
            sampler_of(server).sample([REQUEST])
        assert pauses == []
        assert len(server.requests) == 1

    def test_a_shorter_context_at_the_server_is_the_prompts_fault(self, serving: Any, sampler_of: Any) -> None:
        words = "This model's maximum context length is 256 tokens. However, you requested 300 tokens"
        with pytest.raises(UnusablePrompt, match="256 tokens"):
            sampler_of(serving(failing(400, words))).sample([REQUEST])

    def test_the_key_goes_to_the_server_and_nowhere_else(
        self, serving: Any, sampler_of: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        sampler = sampler_of(server := serving(as_asked))
        sampler.sample([REQUEST])
        assert server.keys == [f"Bearer {KEY}"]
        assert KEY not in repr(sampler)
        assert KEY not in caplog.text


class TestStreams:
    def test_the_first_token_came_with_the_first_event_that_has_one(
        self, serving: Any, sampler_of: Any, ticking: None
    ) -> None:
        drawn = {"logprobs": {"content": [{"token": "x", "logprob": -0.5}]}}
        end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
        server = serving(streaming(delta(""), delta(" ", **drawn), delta("Hello", **drawn), end, "data: [DONE]"))
        growing = sampler_of(server).stream(replace(REQUEST, num_completions=1))
        assert next(growing) == "Hello"
        with pytest.raises(StopIteration) as ended:
            next(growing)
        assert (ended.value.value.first_token_seconds, ended.value.value.seconds) == (2.0, 5.0)

    def test_text_comes_as_the_server_writes_it(self, serving: Any, sampler_of: Any) -> None:
        usage = 'data: {"choices": [], "usage": {"completion_tokens": 3}}'
        end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
        drawn = {"logprobs": {"content": [{"token": "x", "logprob": -0.5}]}, "token_ids": [7]}
        pieces = (delta(""), delta(" ", **drawn), delta("Hel", **drawn), delta("lo ", **drawn))
        server = serving(streaming(": ping", *pieces, end, usage, "data: [DONE]"))
        growing = sampler_of(server).stream(replace(REQUEST, num_completions=1))
        assert [next(growing), next(growing)] == ["Hel", "lo "]
        with pytest.raises(StopIteration) as ended:
            next(growing)
        found = ended.value.value
        assert (found.text, found.finish_reason, found.token_count, found.mean_logprob) == ("Hello", "stop", 3, -0.5)
        assert (found.token_ids, found.logprobs) == ((7, 7, 7), (-0.5,) * 3)
        assert [server.requests[0][name] for name in ("stream", "logprobs", "return_token_ids")] == [True] * 3
        without = sampler_of(serving(streaming(delta("Hello"), end, "data: [DONE]")))
        with pytest.raises(ServerFault, match="gives no log-probabilities"):
            list(without.stream(replace(REQUEST, num_completions=1)))

    def test_one_that_cannot_begin_is_asked_again_and_one_that_breaks_off_is_not(
        self, serving: Any, sampler_of: Any
    ) -> None:
        server = serving(failing(503), streaming(delta("a"), 'data: {"error": {"message": "out of memory"}}'))
        pieces = sampler_of(server).stream(replace(REQUEST, num_completions=1))
        assert next(pieces) == "a"
        with pytest.raises(ServerFault, match="out of memory"):
            next(pieces)
        with pytest.raises(ServerFault, match="before its end was said"):
            list(sampler_of(serving(streaming(delta("a")))).stream(REQUEST))
        assert len(server.requests) == 2

    def test_one_that_stalls_is_given_up_and_one_that_nobody_reads_is_closed(
        self, serving: Any, sampler_of: Any
    ) -> None:
        enough = threading.Event()
        server = serving(streaming(delta("a"), stall=enough))
        sampler = sampler_of(server, answer_seconds=0.1, concurrency=1)
        pieces = sampler.stream(REQUEST)
        assert next(pieces) == "a"
        pieces.close()
        with pytest.raises(ServerDown, match="broke its stream off"):  # and the one place is free again
            list(sampler.stream(REQUEST))
        enough.set()
