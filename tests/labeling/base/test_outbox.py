"""Messages are hints: with Redis down the work waits in Postgres and is sent when Redis is back."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from labeling.base.states import CompositionKind
from labeling.models import ModelVersion, RankingTask, ScoringRequest, SuggestionRequest, TrainingRun
from labeling.ranking_tasks.services.sampling import OTHER_TASKS, RESERVED_TASKS
from labeling.ranking_tasks.services.tasks import top_up
from labeling.rewards.services.scoring_requests import SCORING_REQUESTS, ScoringItem, request_scores
from labeling.training.services.requesting import QUEUED_RUNS, request_retraining
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS, request_suggestions
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.scripted_rewarder import current_reward_model
from tests.processes import Processes

pytestmark = pytest.mark.django_db(transaction=True)

OUTBOXES = (SUGGESTION_REQUESTS, SCORING_REQUESTS, RESERVED_TASKS, OTHER_TASKS, QUEUED_RUNS)
SEND = """
from labeling.ranking_tasks.services.sampling import send_unsampled
from labeling.rewards.services.scoring_requests import SCORING_REQUESTS
from labeling.training.services.requesting import QUEUED_RUNS
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS
print(SUGGESTION_REQUESTS.send(), SCORING_REQUESTS.send(), send_unsampled(), QUEUED_RUNS.send())
"""


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


def test_with_redis_down_nothing_is_lost_and_the_next_round_catches_up(
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


def test_every_outbox_names_a_task_that_workers_know_and_a_table_that_says_when_it_was_sent() -> None:
    current_app.loader.import_default_modules()
    for outbox in OUTBOXES:
        assert outbox.task in current_app.tasks
        assert outbox.model._meta.get_field("dispatched_at")


def test_what_is_being_sent_is_passed_over_by_others() -> None:
    run = request_retraining(trigger="manual")
    elsewhere: list[list[int]] = []

    def take_elsewhere() -> None:
        elsewhere.append(QUEUED_RUNS.take())
        connection.close()

    with transaction.atomic():
        assert QUEUED_RUNS.take() == [run.pk]
        other = Thread(target=take_elsewhere)
        other.start()
        other.join(10)
    assert elsewhere == [[]]
