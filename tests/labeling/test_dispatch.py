"""Messages are hints: with Redis down the work waits in Postgres and is sent when Redis is back."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from labeling.models import ModelVersion, RankingTask, TrainingRun
from labeling.services.tasks import top_up
from labeling.services.training import request_retraining
from tests.labeling.cast import make_campaign, make_prompt
from tests.processes import Processes

pytestmark = pytest.mark.django_db(transaction=True)

SEND = "from labeling.dispatch import *; print(dispatch_sampling(), dispatch_training())"


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


def test_with_redis_down_nothing_is_lost_and_dispatch_catches_up(
    broker: redis.Redis, process_environment: dict[str, str], tmp_path: Path
) -> None:
    ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    campaign = make_campaign()
    for _ in range(3):
        make_prompt(campaign)
    task_ids = top_up(campaign=campaign)
    run = request_retraining(trigger="manual")
    down = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock?db=0", "SAMPLING_PROMPTS_PER_BATCH": "2"}

    said = Processes(process_environment | down, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "0 0"
    assert RankingTask.objects.filter(dispatched_at=None).count() == 3
    assert TrainingRun.objects.filter(dispatched_at=None).count() == 1

    up = {"REDIS_URL": os.environ["REDIS_URL"], "SAMPLING_PROMPTS_PER_BATCH": "2"}
    said = Processes(process_environment | up, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "3 1"
    assert arguments_in(broker, "sampling") == [[task_ids[:2]], [task_ids[2:]]]  # ids and nothing else
    assert arguments_in(broker, "training") == [[run.pk]]

    said = Processes(process_environment | up, tmp_path).run("shell", "--verbosity", "0", "-c", SEND)
    assert said.strip() == "0 0"  # sent once
