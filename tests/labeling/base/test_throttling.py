"""How often somebody may ask, by every web process's count together."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from labeling.base.throttling import Throttle


def throttle(name: str, rate: str = "2/min", now: float = 1000.0) -> Throttle:
    """Of one request, as a process of its own would make it."""

    class Named(Throttle):
        def get_rate(self) -> str:
            return rate

        def get_cache_key(self, request: Any, view: Any) -> str:
            return name

        def timer(self) -> float:
            return now

    return Named()


@pytest.fixture
def name() -> str:
    return f"test-{secrets.token_hex(8)}"


def test_a_request_counts_for_a_minute_and_one_that_was_refused_does_not(name: str) -> None:
    assert throttle(name, now=1000.0).allow_request(None)
    assert throttle(name, now=1030.25).allow_request(None)
    refused = throttle(name, now=1045.0)
    assert not refused.allow_request(None)
    assert refused.wait() == pytest.approx(15.0)
    assert throttle(name, now=1060.0).allow_request(None), "the first is a minute old"
    refused = throttle(name, now=1060.0)
    assert not refused.allow_request(None)
    assert refused.wait() == pytest.approx(30.25)


def test_who_may_ask_less_often_from_now_on_waits_until_enough_have_aged(name: str) -> None:
    for second in range(4):
        assert throttle(name, "4/min", now=1000.0 + second).allow_request(None)
    refused = throttle(name, "2/min", now=1010.0)
    assert not refused.allow_request(None)
    assert refused.wait() == pytest.approx(52.0), "when the third of the four is a minute old, one counts"


def test_requests_of_one_moment_are_all_counted(name: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        let_through = list(pool.map(lambda _: throttle(name, "5/min").allow_request(None), range(40)))
    assert sum(let_through) == 5


def test_somebody_else_is_not_held_back(name: str) -> None:
    assert throttle(name, "1/min").allow_request(None)
    assert not throttle(name, "1/min").allow_request(None)
    assert throttle(f"{name}-other", "1/min").allow_request(None)


def test_without_redis_nobody_is_held_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr("redis.Redis.eval", down)
    assert all(throttle(name, "1/min").allow_request(None) for _ in range(3))
