"""Two real workers, a real Redis and PostgreSQL, and at seeded moments kill -9, FLUSHDB and messages that come twice.

Each round samples new tasks. At one of its requests, drawn by the seed, the server that is sampled from says nothing
until the fault has happened, so that it always meets a worker in the middle of its work. Beat is played by the test:
what would be sent again after a quarter of an hour is sent at once.
"""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis
from celery import current_app
from django.db.models import F, QuerySet
from django.utils import timezone
from pytest_django import Settings

from labeling import tasks
from labeling.base.attempts import UnfinishedAttempt
from labeling.base.states import ModelBackend, SamplingFailure, SamplingState, TaskState
from labeling.model_versions.services.backends import choose_backend
from labeling.models import Campaign, Completion, RankingTask, SamplingRun
from labeling.ranking_tasks.services.sampling import SAMPLE
from labeling.ranking_tasks.services.tasks import make_task
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted, tried
from tests.processes import Processes, processes
from tests.sampler.backends.scripted_server import Exchange, choice, scripted_server
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]

K = 4
TASKS_A_ROUND = 6
TASKS_A_MESSAGE = 2


@dataclass
class Model:
    """Answers as it is asked, now and then with a text twice. A request at which it is armed waits for `go_on`."""

    armed_in: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, requests: int) -> None:
        """The `requests`-th request from now on is held."""
        self.held.clear()
        self.go_on.clear()
        self.armed_in = requests

    def __call__(self, exchange: Exchange) -> None:
        with self.lock:
            self.armed_in -= 1
            is_held = self.armed_in == 0
        if is_held:
            self.held.set()
            self.go_on.wait(60)
        seed, n = exchange.body["seed"], exchange.body["n"]
        numbers = [seed if index == 1 and seed % 3 == 0 else seed + index for index in range(n)]
        exchange.reply({"choices": [choice(f"text {number}") for number in numbers]})


@dataclass
class Chaos:
    """What goes wrong, by name, and the rounds in which it does."""

    workers: Processes
    model: Model
    campaign: Campaign
    seeded: random.Random

    def killed(self, *names: str) -> None:
        for name in names:
            self.workers.kill(name)
        for name in names:
            self.workers.worker(name, "sampling")

    def one_killed(self) -> None:
        """The one whose request is held, while the other has done the rest."""
        self.workers.wait_for("the rest is done", lambda: sampling().count() <= TASKS_A_MESSAGE)
        attempt = UnfinishedAttempt.objects.filter(row__in=sampling()).first()
        assert attempt is not None
        self.killed(attempt.worker.removesuffix("@test"))

    def both_killed(self) -> None:
        self.killed("one", "two")

    def pools_killed(self) -> None:
        for worker in self.workers.running.values():
            for pool in psutil.Process(worker.pid).children():
                pool.kill()

    def redis_flushed(self) -> None:
        client = redis.Redis.from_url(self.workers.environment["REDIS_URL"])
        assert client.keys()
        client.flushdb()  # what FLUSHALL does, to this run's database alone
        client.close()

    def delivered_again(self) -> None:
        """To the other worker, which fills the tasks while the first one is still at them."""
        waiting = list(sampling().values_list("pk", flat=True))
        current_app.send_task(SAMPLE, args=[waiting])
        self.workers.wait_for("the other worker has filled the tasks", lambda: not sampling().exists())
        assert running().exists()

    def round_with(self, fault: Callable[[], None]) -> None:
        made = [make_task(prompt=make_prompt(self.campaign), campaign=self.campaign).pk for _ in range(TASKS_A_ROUND)]
        self.model.arm(self.seeded.randint(1, TASKS_A_ROUND // 2))
        tasks.sampling.top_up_ready_queues()
        self.workers.wait_for("a worker is in the middle of it", self.model.held.is_set)
        fault()
        self.model.go_on.set()
        self.workers.wait_for(f"all is done after {fault.__name__}", self._is_done)
        died = SamplingRun.objects.filter(task__in=made, failure=SamplingFailure.WORKER_DIED)
        assert died.exists() == fault.__name__.endswith("killed")

    def _is_done(self) -> bool:
        quarter_of_an_hour = timedelta(seconds=1)
        sampling().filter(dispatched_at__lt=timezone.now() - quarter_of_an_hour).update(dispatched_at=None)
        tasks.sampling.top_up_ready_queues()
        return not sampling().exists() and not running().exists()


def sampling() -> QuerySet[RankingTask]:
    return RankingTask.objects.filter(state=TaskState.SAMPLING)


def running() -> QuerySet[SamplingRun]:
    return SamplingRun.objects.filter(state=SamplingState.RUNNING)


@pytest.fixture
def chaos(process_environment: dict[str, str], tmp_path: Path, settings: Settings) -> Iterator[Chaos]:
    """Two workers for sampling, and a version that they sample from a server."""
    version = promoted(make_tiny_model(tmp_path / "tiny"))
    model = Model()
    with scripted_server(model) as server:
        settings.SAMPLING_SERVERS = [server.address]
        settings.SAMPLING_PROMPTS_PER_BATCH = TASKS_A_MESSAGE
        choose_backend(version=version, backend=ModelBackend.VLLM, server=server.address, served_name="policy")
        tried(version)
        with processes(process_environment, tmp_path, SAMPLING_SERVERS=server.address) as workers:
            workers.worker("one", "sampling")
            workers.worker("two", "sampling")
            campaign = make_campaign(k_min=K, k_max=K, max_new_tokens=16, ranking_tasks_per_prompt=1)
            yield Chaos(workers, model, campaign, random.Random(4))


def test_no_task_is_lost_or_filled_twice_and_every_run_ends_whatever_happens_to_two_workers(chaos: Chaos) -> None:
    faults = [
        chaos.delivered_again, chaos.redis_flushed, chaos.one_killed, chaos.both_killed, chaos.pools_killed,
    ]  # fmt: skip
    chaos.seeded.shuffle(faults)
    for fault in faults:
        chaos.round_with(fault)

    made = RankingTask.objects.all()
    assert len(made) == TASKS_A_ROUND * len(faults)
    assert {(task.state, task.k, task.completions.count()) for task in made} == {(TaskState.READY, K, K)}
    assert Completion.objects.values("task", "text_key").distinct().count() == K * len(made)
    runs = SamplingRun.objects.all()
    assert {run.state for run in runs} == {SamplingState.DONE, SamplingState.FAILED}
    assert all(run.error for run in runs if run.state == SamplingState.FAILED)
    assert runs.filter(state=SamplingState.DONE, duplicates_dropped=F("requested")).exists(), "one came too late"
    assert runs.filter(duplicates_dropped=1).exists(), "a text came twice, and was sampled anew"
