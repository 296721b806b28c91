"""Messages are hints: with Redis down the work waits in Postgres and is sent when Redis is back."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User

from labeling.base.states import CompositionKind
from labeling.models import ModelVersion, RankingTask, ScoringRequest, SuggestionRequest, TrainingRun
from labeling.ranking_tasks.services.tasks import top_up
from labeling.rewards.services.scoring_requests import ScoringItem, request_scores
from labeling.training.services.runs import request_retraining
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import request_suggestions
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.scripted_rewarder import current_reward_model
from tests.processes import Processes

pytestmark = pytest.mark.django_db(transaction=True)

SENT = "dispatch_suggestions(), dispatch_scoring(), dispatch_sampling(), dispatch_training()"
SEND = f"from labeling.dispatch import *; print({SENT})"


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def arguments_in(broker: redis.Redis, queue: str) -> list[object]:
    """What the messages of a queue carry, oldest first."""
    bodies = [json.loads(message)["body"] for message in reversed(broker.lrange(queue, 0, -1))]
    return [json.loads(b64decode(body))[0] for body in bodies]


def ask_for_suggestions() -> SuggestionRequest:
    alice = make_labeler()
    begun = start_composition(labeler=alice, campaign=make_campaign(ask_dialogues=True), kind=CompositionKind.DIALOGUE)
    return request_suggestions(
        labeler=alice, token=str(begun.token), position=2, messages=[{"role": "user", "content": "How do bees fly?"}]
    )


def test_with_redis_down_nothing_is_lost_and_dispatch_catches_up(
    broker: redis.Redis, process_environment: dict[str, str], tmp_path: Path
) -> None:
    ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    campaign = make_campaign()
    for _ in range(3):
        make_prompt(campaign)
    task_ids = top_up(campaign=campaign)
    run = request_retraining(trigger="manual")
    asked = ask_for_suggestions()
    current_reward_model()
    item = ScoringItem(prompt=[{"role": "user", "content": "Hi"}], completions=["Hello!"])
    scoring = request_scores(user=User.objects.create_user("petra"), items=[item], per_minute=9)
    down = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock?db=0", "SAMPLING_PROMPTS_PER_BATCH": "2"}

    said = Processes(process_environment | down, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "0 0 0 0"
    assert ScoringRequest.objects.filter(dispatched_at=None).count() == 1
    assert SuggestionRequest.objects.filter(dispatched_at=None).count() == 1
    assert RankingTask.objects.filter(dispatched_at=None).count() == 3
    assert TrainingRun.objects.filter(dispatched_at=None).count() == 1

    up = {"REDIS_URL": os.environ["REDIS_URL"], "SAMPLING_PROMPTS_PER_BATCH": "2"}
    said = Processes(process_environment | up, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "1 1 3 1"
    assert arguments_in(broker, "scoring") == [[scoring.pk]]
    assert arguments_in(broker, "suggestions") == [[asked.pk]]
    assert arguments_in(broker, "sampling") == [[task_ids[:2]], [task_ids[2:]]]  # ids and nothing else
    assert arguments_in(broker, "training") == [[run.pk]]

    said = Processes(process_environment | up, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "0 0 0 0"  # sent once
