"""The reward model that a worker keeps warm: loaded once, replaced when another is promoted, in a real worker too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from django.contrib.auth.models import User
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from config.celery import app
from labeling import worker_models as reward_models
from labeling.base.states import ModelKind, ScoringState
from labeling.models import PreferenceMargin, RewardScore, ScoringRequest
from labeling.rewards.services.scoring_requests import SCORING_REQUESTS, ScoringItem, request_scores
from labeling.worker_models import loaded_rewarder
from lm.prompt_format import Message
from rm_trainer.protocol import Item
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.models_in_use import promoted, registered
from tests.processes import Processes, processes
from tests.tiny_models import make_tiny_model

PROMPT = [Message(role="user", content="Hi")]
TEXTS = ["Hello!", "Go away."]
ITEM = ScoringItem(prompt=PROMPT, completions=TEXTS)


def reward_model(directory: Path, *, seed: int) -> Path:
    """A real one, tiny and random: a language model with a new head in place of the old one."""
    base = make_tiny_model(directory.with_name(f"{directory.name}-base"), seed=seed)
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    model.config.reward_bias, model.config.reward_max_length = 0.5, 256
    model.save_pretrained(directory)
    AutoTokenizer.from_pretrained(base).save_pretrained(directory)
    return directory


def plain_rewards(directory: Path) -> list[float]:
    """What plain transformers gives TEXTS."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    found = []
    for text in TEXTS:
        turns: Any = [*PROMPT, {"role": "assistant", "content": text}]
        ids = tokenizer(
            tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False, return_tensors="pt"
        )
        with torch.no_grad():
            found.append(model(**ids).logits.item() + model.config.reward_bias)
    return found


@pytest.mark.django_db
def test_a_model_is_loaded_once_and_the_one_before_leaves_memory_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reward_models, "_warm", {})
    first, second = (
        registered(reward_model(tmp_path / name, seed=seed), kind=ModelKind.REWARD)
        for seed, name in enumerate(("one", "two"))
    )
    warm = loaded_rewarder(first)
    assert loaded_rewarder(first) is warm
    item = Item((Message(role="user", content="Hi"),), "Hello!")
    before = warm.score([item])[0].reward
    in_memory_while_loading: list[int] = []
    from rm_trainer.scorer import Scorer

    load = Scorer.load

    def watched(path: str, *, batch_size: int) -> Scorer:
        in_memory_while_loading.append(len(reward_models._warm))
        return load(path, batch_size=batch_size)

    monkeypatch.setattr(Scorer, "load", watched)
    after = loaded_rewarder(second).score([item])[0].reward
    assert in_memory_while_loading == [0]
    assert after != before
    assert list(reward_models._warm) == [second.path]


def test_as_many_stay_loaded_as_are_mixed_and_the_one_used_longest_ago_goes_first() -> None:
    warm: dict[str, str] = {}
    loaded: list[str] = []

    def use(name: str) -> None:
        def load() -> str:
            loaded.append(name)
            return name

        assert reward_models._kept(warm, name, load, most=2) == name

    for name in "abacb":
        use(name)
    assert loaded == ["a", "b", "c", "b"]
    assert list(warm) == ["c", "b"]


@pytest.fixture(scope="module")
def worker(database_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """One that serves the queue `scoring`, as a real process."""
    folder = tmp_path_factory.mktemp("worker")
    with processes(database_environment, folder, VAR_DIR=folder / "var") as started:
        started.worker("scoring", "scoring")
        yield started


def answered(worker: Processes, petra: User) -> ScoringRequest:
    asked = request_scores(user=petra, items=[ITEM], per_minute=1000)
    SCORING_REQUESTS.send()

    def is_answered() -> bool:
        asked.refresh_from_db()
        return asked.state != ScoringState.WAITING

    worker.wait_for("the request is answered", is_answered, seconds=90)
    assert asked.state == ScoringState.READY, asked.failure
    return asked


def rewards_in(asked: ScoringRequest) -> list[float]:
    assert asked.scores is not None
    (item,) = asked.scores
    rewards: list[float] = item["rewards"]
    return rewards


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_answers_reloads_on_promotion_and_survives_being_killed(
    worker: Processes, tmp_path: Path
) -> None:
    petra = User.objects.create_user("petra")
    first = promoted(reward_model(tmp_path / "one", seed=1), kind=ModelKind.REWARD)
    asked = answered(worker, petra)
    assert asked.model_version == first
    assert rewards_in(asked) == pytest.approx(plain_rewards(tmp_path / "one"), abs=1e-4)

    second = promoted(reward_model(tmp_path / "two", seed=2), kind=ModelKind.REWARD)
    asked = answered(worker, petra)
    assert asked.model_version == second
    assert rewards_in(asked) == pytest.approx(plain_rewards(tmp_path / "two"), abs=1e-4)

    worker.kill("scoring")
    lost = request_scores(user=petra, items=[ITEM], per_minute=1000)
    SCORING_REQUESTS.send()  # nobody is there to take it
    # As if the time after which a message counts as lost had passed.
    ScoringRequest.objects.filter(pk=lost.pk).update(dispatched_at=None)
    worker.worker("scoring-again", "scoring")
    assert SCORING_REQUESTS.send() == 1
    worker.wait_for("both messages are worked off", lambda: is_ready(lost), seconds=90)


def is_ready(asked: ScoringRequest) -> bool:
    asked.refresh_from_db()
    return asked.state == ScoringState.READY


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_beat_has_completions_scored_ahead_and_labels_measured(worker: Processes, tmp_path: Path) -> None:
    make_ready_task(make_prompt(make_campaign()), texts=["a", "bb", "ccc", "dddd"])
    rank(make_labeler("alice"), [1, 2, 3, 4])
    model = promoted(reward_model(tmp_path / "one", seed=1), kind=ModelKind.REWARD)
    app.send_task("labeling.tasks.score_completions")
    worker.wait_for("the ranking is measured", PreferenceMargin.objects.exists, seconds=90)
    assert RewardScore.objects.filter(model_version=model, reward__isnull=False).count() == 4
    assert PreferenceMargin.objects.get().pairs == 6
