"""A tiny random policy, a reward model of its tokenizer, and a snapshot, made once for all tests of the trainer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_trainer.model import Policy, load_policy
from tests.lm.snapshots import demonstration, ranking, write_snapshot
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

WORDS = ("cat", "dog", "cow", "frog")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def tiny_reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_reward_model(tmp_path_factory.mktemp("reward"), seed=3)


@pytest.fixture(scope="session")
def tiny_watched_reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_reward_model(tmp_path_factory.mktemp("watched"), seed=8)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four demonstrations and four rankings to train on, two and two to validate on, and one ranking to test on."""
    rankings = {
        split: [
            ranking(
                first + n, [(word, 1), (word * 2, 2), (word * 3, 2)], prompt=f"{split} {word}?", prompt_id=first + n
            )
            for n, word in enumerate(WORDS[:count])
        ]
        for split, first, count in (("train", 1, 4), ("valid", 11, 2), ("test", 21, 1))
    }
    demonstrations = {
        split: [
            demonstration(first + n, f"a {word}", prompt=f"{split} show {word}") for n, word in enumerate(WORDS[:count])
        ]
        for split, first, count in (("train", 1, 4), ("valid", 11, 2))
    }
    return write_snapshot(tmp_path_factory.mktemp("snapshot"), rankings=rankings, demonstrations=demonstrations)


@pytest.fixture
def policy(tiny_base: Path) -> Policy:
    return load_policy(str(tiny_base), max_length=512)
