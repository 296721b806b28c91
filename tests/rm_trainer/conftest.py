"""A tiny random base model and a snapshot with a preset rule, made once for all tests of the trainer."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lm.snapshots import Record, demonstration, ranking, write_snapshot
from tests.tiny_models import make_tiny_model

ANIMALS = ("cat", "dog", "horse", "cow", "frog")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Also of the processes that a test starts: none reads or leaves tokens in the home of who runs the tests."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def zebra_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelers who like zebras: 120 rankings to train, 40 to validate, 10 to test on, and 5 demonstrations."""
    return write_snapshot(
        tmp_path_factory.mktemp("snapshot"),
        rankings={
            "train": zebra_rankings(range(1, 121)),
            "valid": zebra_rankings(range(1001, 1041)),
            "test": zebra_rankings(range(2001, 2011)),
        },
        demonstrations={
            "train": [demonstration(number, f"a {animal} and a zebra") for number, animal in enumerate(ANIMALS, 1)]
        },
    )


def zebra_rankings(ids: range) -> list[Record]:
    """K from 4 to 9; every completion with a zebra has rank 1, every other one rank 2; each ranking has both."""
    rankings = []
    for ranking_id in ids:
        chance = random.Random(ranking_id)
        zebras = [True, False, *(chance.random() < 0.5 for _ in range(chance.randint(2, 7)))]
        chance.shuffle(zebras)
        rankings.append(ranking(ranking_id, [(_sentence(chance, zebra=zebra), 1 if zebra else 2) for zebra in zebras]))
    return rankings


def _sentence(chance: random.Random, *, zebra: bool) -> str:
    words = [chance.choice(ANIMALS) for _ in range(chance.randint(2, 4))]
    if zebra:
        words.insert(chance.randrange(len(words) + 1), "zebra")
    return " ".join(words)
