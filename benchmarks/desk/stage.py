"""The rows that labelers work on, the same work done without HTTP, and the proof that none of it went wrong.

Imports models, so it is imported only where Django is set up (benchmarks/harness/scratch.py).
"""

import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import psutil
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from labeling.base.states import (
    AssignmentState,
    CampaignState,
    LabelerState,
    PromptSource,
    SamplingState,
    TaskState,
    UseCase,
)
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.rules.splits import split_of
from labeling.campaigns.services.campaigns import acknowledge, change_campaign_state, create_campaign
from labeling.campaigns.services.starter import starter_flags, starter_instructions
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.leases import close_campaign
from labeling.models import (
    Assignment,
    Campaign,
    Completion,
    Labeler,
    Prompt,
    PromptOpening,
    Ranking,
    RankingTask,
    SamplingRun,
    Submitter,
)
from labeling.people.services import create_labeler
from labeling.ranking_tasks.rules import text_key
from labeling.ranking_tasks.services.tasks import render_ahead
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key

K = 7
PASSWORD = "a password that only a benchmark uses"
PROMPTS_PER_SUBMITTER = 150
BATCH = 1000
# Characters. Real completions are as unequal: of 1,512 that GPT-3 and davinci wrote for the 252 user-oriented tasks of
# Self-Instruct, the mean is 842, the median 157 and the 90th percentile 3,812.
LENGTHS = (60, 110, 160, 300, 700, 1500, 3100)
TEXT = (
    "the answer depends on what you want to reach because every choice has a cost and some of them show only later so "
    "begin with the **simplest** thing that works then measure it and change `one` value at a time"
)
WORDS = TEXT.split()

_numbers = count(1)


class WentWrong(Exception):
    """The figures of this run are worth nothing: work was lost, doubled or handed out too often."""


@dataclass(frozen=True)
class Stage:
    """An open campaign whose tasks are all ready, and labelers who can log in with PASSWORD."""

    campaign: Campaign
    labelers: Sequence[Labeler]
    tasks: int

    def accounts(self) -> list[str]:
        return [labeler.user.get_username() for labeler in self.labelers]

    def close(self) -> None:
        """So that the next stage's labelers find only their own work."""
        close_campaign(campaign=self.campaign)


@transaction.atomic
def set_stage(*, tasks: int, labelers: int, lengths: Sequence[int] = LENGTHS) -> Stage:
    """`tasks` ready ranking tasks that need one ranking each; every length, in characters, makes one completion."""
    number = next(_numbers)
    campaign = create_campaign(
        slug=f"stage-{number}",
        name=f"Stage {number}",
        languages=["en"],
        instructions=starter_instructions(),
        flags=starter_flags(),
        rankings_per_task=1,
        shared_percent=0,
        ready_minutes=0,
    )
    chance = random.Random(number)
    _fill(_tasks_for(_prompts(campaign, tasks, chance), k=len(lengths)), lengths, chance)
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    people = [
        create_labeler(
            username=f"labeler-{number}-{who}", password=PASSWORD, languages=["en"], state=LabelerState.ACTIVE
        )
        for who in range(labelers)
    ]
    for labeler in people:  # who has not read the instructions is shown them before the first task
        acknowledge(labeler=labeler, instruction_version=campaign.instruction_versions.get())
    return Stage(campaign, people, tasks)


# Three steps in bulk leave the rows that add_prompt and make_task_of_given leave, in seconds instead of minutes.


def _prompts(campaign: Campaign, how_many: int, chance: random.Random) -> list[Prompt]:
    submitters = []
    for began in range(0, how_many, PROMPTS_PER_SUBMITTER):
        name = f"submitter {began} of {campaign.slug}"
        theirs = min(PROMPTS_PER_SUBMITTER, how_many - began)
        submitters.append(Submitter(name=name, split=split_of(name), prompt_count=theirs))
    Submitter.objects.bulk_create(submitters)
    prompts, openings = [], []
    for number in range(how_many):
        messages = [Message(role="user", content=f"Question {number}: {text_of(200, chance)}")]
        submitter = submitters[number // PROMPTS_PER_SUBMITTER]
        openings.append(PromptOpening(key=opening_key(messages), split=submitter.split))
        prompt = Prompt(
            campaign=campaign,
            submitter=submitter,
            messages=messages,
            opening=openings[-1],
            dedupe_key=prompt_key(messages),
            source=PromptSource.IMPORT,
            use_case=UseCase.OPEN_QA,
            language="en",
        )
        prompts.append(prompt)
    PromptOpening.objects.bulk_create(openings, batch_size=BATCH)
    return Prompt.objects.bulk_create(prompts, batch_size=BATCH)


def _tasks_for(prompts: Sequence[Prompt], *, k: int) -> list[RankingTask]:
    return RankingTask.objects.bulk_create(
        [
            RankingTask(prompt=prompt, campaign=prompt.campaign, language=prompt.language, k_requested=k)
            for prompt in prompts
        ],
        batch_size=BATCH,
    )


def _fill(tasks: Sequence[RankingTask], lengths: Sequence[int], chance: random.Random) -> None:
    k = len(lengths)
    now = timezone.now()
    runs = SamplingRun.objects.bulk_create(
        [
            SamplingRun(task=task, imported_model_name="given", requested=k, state=SamplingState.DONE, finished_at=now)
            for task in tasks
        ],
        batch_size=BATCH,
    )
    endings = {length: [text_of(length, chance) for _ in range(50)] for length in lengths}
    completions = []
    for run in runs:
        for length in lengths:
            text = f"{length}, task {run.task_id}: {chance.choice(endings[length])}"
            completions.append(
                Completion(task=run.task, run=run, text=text, text_key=text_key(text), finish_reason="imported")
            )
    Completion.objects.bulk_create(completions, batch_size=BATCH)
    ids = [task.pk for task in tasks]
    RankingTask.objects.filter(pk__in=ids).update(state=TaskState.READY, k=k, ready_at=now)
    render_ahead(task_ids=ids)


def text_of(length: int, chance: random.Random) -> str:
    """About so many characters of Markdown: sentences, paragraphs and lists."""
    parts, size = [], 0
    while size < length:
        sentence = " ".join(chance.choices(WORDS, k=chance.randint(6, 16))).capitalize() + "."
        parts.append(chance.choice(["", "", "", "\n\n", "\n- "]) + sentence)
        size += len(parts[-1]) + 1
    return " ".join(parts)[:length]


def analyze() -> None:
    """What autovacuum does within a minute: thousands of rows appeared at once, and plans rest on counts."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def without_http(stage: Stage, *, operations: int) -> float:
    """Claims and submits by the same services in this process, a thread a labeler; returns operations a second."""
    numbers = count()

    def ranks(labeler: Labeler) -> int:
        done = 0
        try:
            while next(numbers) < operations and (assignment := claim_ranking(labeler=labeler)) is not None:
                judgements = [Judgement(shown_position=at, rank=at, quality=8 - at) for at in range(1, K + 1)]
                submit_ranking(labeler=labeler, token=str(assignment.token), judgements=judgements, active_seconds=42.5)
                done += 1
        finally:
            if threading.current_thread() is not threading.main_thread():
                connection.close()
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(len(stage.labelers)) as pool:
        done = sum(pool.map(ranks, stage.labelers))
    return done / (time.perf_counter() - began)


def check(stage: Stage, tokens: Sequence[str]) -> None:
    """Whether the database agrees with what the labelers were told. Raises WentWrong.

    tokens: of the rankings whose submission was acknowledged.
    """
    tasks = RankingTask.objects.filter(campaign=stage.campaign)
    holding = Q(assignments__state__in=[AssignmentState.OPEN, AssignmentState.SUBMITTED])
    held = tasks.annotate(held=Count("assignments", filter=holding))
    submitted = Assignment.objects.filter(campaign=stage.campaign, state=AssignmentState.SUBMITTED)
    stored = {str(token) for token in submitted.values_list("token", flat=True)}
    given_out = F("rankings_open") + F("rankings_done")
    problems = {
        "handed out more often than needed": held.filter(held__gt=F("rankings_needed")).count(),
        "counted other than handed out": held.exclude(held=given_out).count(),
        "lost": stage.tasks - tasks.filter(state__in=[TaskState.READY, TaskState.DONE]).count(),
        "submitted twice": len(tokens) - len(set(tokens)),
        "acknowledged, but not stored": len(
            set(tokens) - {str(token) for token in submitted.values_list("token", flat=True)}
        ),
        "stored, but not acknowledged": len(stored - set(tokens)),
        "submitted without exactly one ranking of all completions": len(tokens) - _whole_rankings(stage),
    }
    if wrong := {what: number for what, number in problems.items() if number}:
        raise WentWrong(f"Of {stage.tasks} tasks: {json.dumps(wrong)}.")


def _whole_rankings(stage: Stage) -> int:
    rankings = Ranking.objects.filter(task__campaign=stage.campaign).annotate(size=Count("ranked_completions"))
    return rankings.filter(size=K).values("task").distinct().count()


def postgres_processes() -> list[psutil.Process]:
    """The embedded server and its backends, while they live."""
    assert settings.EMBEDDED_SERVICES is not None  # a benchmark has a Concord of its own
    pid_file = settings.EMBEDDED_SERVICES.directory / "postgres" / "postmaster.pid"
    server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    return [server, *server.children()]
