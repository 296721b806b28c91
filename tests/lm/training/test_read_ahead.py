"""One item ahead: faster, and otherwise as if there were no thread."""

import threading
from collections.abc import Iterator
from time import sleep

import pytest

from lm.errors import Refused
from lm.training.read_ahead import ReadAhead


def threads() -> int:
    return sum(thread.name.startswith("read-ahead") for thread in threading.enumerate())


def test_everything_comes_in_order() -> None:
    with ReadAhead(iter(range(100))) as numbers:
        assert list(numbers) == list(range(100))
    with ReadAhead(iter(())) as nothing:
        assert list(nothing) == []


def test_the_next_item_is_made_while_the_current_one_is_used() -> None:
    """Each of five takes 40 ms to make and 80 ms to use: only the first is waited for, not 200 ms for all."""

    def slowly() -> Iterator[int]:
        for number in range(5):
            sleep(0.04)
            yield number

    with ReadAhead(slowly()) as numbers:
        for _ in numbers:
            sleep(0.08)
    assert 0.03 < numbers.waited < 0.15


def test_what_is_slow_to_make_is_counted_as_waiting() -> None:
    def slowly() -> Iterator[int]:
        for number in range(3):
            sleep(0.05)
            yield number

    with ReadAhead(slowly()) as numbers:
        assert list(numbers) == [0, 1, 2]
    assert numbers.waited > 0.1


def test_an_error_comes_up_where_the_item_is_asked_for_and_not_before() -> None:
    def breaking() -> Iterator[int]:
        yield 1
        raise Refused("Ranking 7 can't be used.")

    with ReadAhead(breaking()) as ahead:
        numbers = iter(ahead)
        assert next(numbers) == 1
        sleep(0.02)  # the error is there by now
        with pytest.raises(Refused, match="Ranking 7"):
            next(numbers)
    assert threads() == 0


def test_leaving_early_leaves_no_thread_behind_and_makes_no_more() -> None:
    made = []

    def counting() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with ReadAhead(counting()) as numbers:
        for number in numbers:
            if number == 3:
                break
    assert threads() == 0
    assert len(made) <= 5
