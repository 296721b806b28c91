"""Rewards that programs ask for: the rows behind the API, and what happens to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.base.refusals import NoRewardModel, ScoringRefused, TooManyRequests
from labeling.model_versions.services.reward_models import create_reward_model
from labeling.models import ModelVersion, ScoringRequest
from labeling.rewards.services.scoring_requests import (
    FORGET_AFTER,
    GIVE_UP_AFTER,
    MOST_CHARACTERS,
    MOST_COMPLETIONS,
    SCORING_REQUESTS,
    ScoringItem,
    answer_scoring_request,
    answering_model,
    forget_answered,
    request_scores,
)
from lm.prompt_format import Message
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

pytestmark = pytest.mark.django_db

HI = [Message(role="user", content="Hi")]
ITEM = ScoringItem(prompt=HI, completions=["Hello!", "Go away."])


@pytest.fixture
def petra() -> User:
    """Who writes programs."""
    return User.objects.create_user("petra")


@pytest.fixture
def model() -> ModelVersion:
    return current_reward_model()


def ask(user: User, *items: ScoringItem, per_minute: int = 60) -> ScoringRequest:
    return request_scores(user=user, items=items or [ITEM], per_minute=per_minute)


def test_rewards_come_back_item_by_item_in_order(petra: User, model: ModelVersion) -> None:
    bye = ScoringItem(prompt=[Message(role="user", content="Bye")], completions=["Farewell."])
    asked = ask(petra, ITEM, bye)
    rewarder = ScriptedRewarder({"Hello!": 1.5, "Go away.": -2.0, "Farewell.": 0.5})
    answer_scoring_request(request_id=asked.pk, model=model, rewarder=rewarder)
    asked.refresh_from_db()
    assert (asked.state, asked.model_version) == ("ready", model)
    assert asked.scores == [
        {"rewards": [1.5, -2.0], "problems": ["", ""]},
        {"rewards": [0.5], "problems": [""]},
    ]
    (items,) = rewarder.asked  # one call: the batch is the model's to make
    assert [(item.prompt[0]["content"], item.completion) for item in items][2] == ("Bye", "Farewell.")


def test_a_completion_that_cannot_be_scored_says_why_beside_those_that_can(petra: User, model: ModelVersion) -> None:
    asked = ask(petra, {"prompt": HI, "completions": ["much too long", "short"]})
    answer_scoring_request(request_id=asked.pk, model=model, rewarder=ScriptedRewarder())
    asked.refresh_from_db()
    assert asked.scores == [{"rewards": [None, 5.0], "problems": ["a completion is never cut", ""]}]


def test_a_message_that_comes_twice_is_answered_once(petra: User, model: ModelVersion) -> None:
    asked, rewarder = ask(petra), ScriptedRewarder()
    for _ in range(2):
        answer_scoring_request(request_id=asked.pk, model=model, rewarder=rewarder)
    assert len(rewarder.asked) == 1


def test_a_model_that_breaks_fails_the_request_visibly(petra: User, model: ModelVersion) -> None:
    def break_down() -> None:
        raise RuntimeError("out of memory")

    asked = ask(petra)
    with pytest.raises(RuntimeError):
        answer_scoring_request(request_id=asked.pk, model=model, rewarder=ScriptedRewarder(meanwhile=break_down))
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == ("failed", "RuntimeError: out of memory")


def test_what_a_killed_worker_held_is_sent_again_and_after_ten_minutes_fails(petra: User, model: ModelVersion) -> None:
    asked = ask(petra)
    assert SCORING_REQUESTS.take() == [asked.pk]
    assert SCORING_REQUESTS.take() == []
    assert SCORING_REQUESTS.take(now=timezone.now() + 2 * SCORING_REQUESTS.send_again_after) == [asked.pk]
    SCORING_REQUESTS.put_back([asked.pk])
    assert SCORING_REQUESTS.take() == [asked.pk]
    assert SCORING_REQUESTS.give_up_late() == 0
    assert SCORING_REQUESTS.give_up_late(now=timezone.now() + 2 * GIVE_UP_AFTER) == 1
    asked.refresh_from_db()
    assert asked.failure == "No scoring worker answered within 10 minutes."


def test_an_answer_after_it_was_given_up_is_dropped(petra: User, model: ModelVersion) -> None:
    asked = ask(petra)
    late = ScriptedRewarder(meanwhile=lambda: SCORING_REQUESTS.give_up_late(now=timezone.now() + 2 * GIVE_UP_AFTER))
    answer_scoring_request(request_id=asked.pk, model=model, rewarder=late)
    asked.refresh_from_db()
    assert (asked.state, asked.scores) == ("failed", None)


def test_answers_are_forgotten_after_a_week_and_what_waits_is_not(petra: User, model: ModelVersion) -> None:
    answered = ask(petra)
    answer_scoring_request(request_id=answered.pk, model=model, rewarder=ScriptedRewarder())
    forget_answered(now=timezone.now() + FORGET_AFTER / 2)
    assert ScoringRequest.objects.filter(pk=answered.pk).exists()
    forget_answered(now=timezone.now() + FORGET_AFTER + timedelta(minutes=1))
    assert not ScoringRequest.objects.filter(pk=answered.pk).exists()


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"prompt": HI, "completions": []}, "Item 1 has no completion"),
        ({"prompt": HI, "completions": ["fine", " \n"]}, "or an empty one"),
        ({"prompt": [], "completions": ["x"]}, "Item 1: There are no messages"),
        ({"prompt": [{"role": "assistant", "content": "x"}], "completions": ["x"]}, "Item 1: Message 1 is from the"),
        ({"prompt": HI, "completions": ["a\0b"]}, "U+0000"),
        ({"prompt": HI, "completions": ["x"] * (MOST_COMPLETIONS + 1)}, "There are 65 completions"),
        ({"prompt": HI, "completions": ["x" * MOST_CHARACTERS]}, "200,002 characters in all"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_a_row_is_kept(
    petra: User, model: ModelVersion, item: ScoringItem, says: str
) -> None:
    with pytest.raises(ScoringRefused) as refused:
        ask(petra, item)
    assert says in str(refused.value)
    assert not ScoringRequest.objects.exists()


def test_without_a_current_reward_model_nothing_is_asked(petra: User) -> None:
    with pytest.raises(NoRewardModel, match="No reward model is current"):
        ask(petra)


def test_one_account_is_slowed_down_and_others_are_not(petra: User, model: ModelVersion) -> None:
    for _ in range(2):
        ask(petra, per_minute=2)
    with pytest.raises(TooManyRequests, match="2 requests a minute") as often:
        ask(petra, per_minute=2)
    assert 1 <= often.value.wait_seconds <= 60
    ask(User.objects.create_user("paul"), per_minute=2)
    ScoringRequest.objects.update(asked_at=timezone.now() - timedelta(seconds=61))
    ask(petra, per_minute=2)


def test_postgres_refuses_an_answer_without_scores_and_a_change_of_what_was_asked(
    petra: User, model: ModelVersion
) -> None:
    asked = ask(petra)
    changes: tuple[dict[str, Any], ...] = (
        {"state": "ready", "finished_at": timezone.now()},
        {"state": "failed", "finished_at": timezone.now()},
        {"finished_at": timezone.now()},
        {"items": []},
    )
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            ScoringRequest.objects.filter(pk=asked.pk).update(**change)


def test_a_named_version_answers_whatever_is_current(petra: User, model: ModelVersion) -> None:
    later = current_reward_model()
    asked = request_scores(user=petra, items=[ITEM], per_minute=60, model=model.name)
    assert answering_model(asked.pk) == model
    assert answering_model(ask(petra).pk) == later


def test_a_reward_models_slug_names_its_current_version(petra: User, model: ModelVersion) -> None:
    asked = request_scores(user=petra, items=[ITEM], per_minute=60, model="reward")
    assert asked.wanted == model
    create_reward_model(slug="safe", name="Safe")
    with pytest.raises(NoRewardModel, match="“safe” has no current version"):
        request_scores(user=petra, items=[ITEM], per_minute=60, model="safe")
    with pytest.raises(ScoringRefused, match="named “reward-99”"):
        request_scores(user=petra, items=[ITEM], per_minute=60, model="reward-99")
