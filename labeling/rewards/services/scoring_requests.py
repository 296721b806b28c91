"""Rewards that programs ask for: kept as a row, answered by a worker, given up visibly, forgotten after a week.

A worker may die between any two lines, and Redis may be down: the request stays a row that waits, and beat sends it
again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import TypedDict

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.outbox import GivingUp, Outbox
from labeling.base.refusals import NoRewardModel, PromptRefused, ScoringRefused, TooManyRequests
from labeling.base.states import ModelKind, ScoringState
from labeling.base.text import LONGEST_ERROR, UnstorableText, clean_text
from labeling.base.worker_locks import worker_name
from labeling.campaigns.rules.messages import check_messages
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.queries import current_reward_model, why_unusable
from labeling.rewards.models import ScoringRequest
from lm.prompt_format import Message
from rm_trainer.protocol import Item, Rewarder, Scored

MOST_COMPLETIONS = 64
MOST_CHARACTERS = 200_000
"""Of one request, prompts and completions together: what a worker scores within seconds."""

GIVE_UP_AFTER = timedelta(minutes=10)
FORGET_AFTER = timedelta(days=7)


class ScoringItem(TypedDict):
    """A prompt's messages and the completions to be scored after it."""

    prompt: list[Message]
    completions: list[str]


class ItemScores(TypedDict):
    """For each completion in order its reward, and why it has none ("" where it has one)."""

    rewards: list[float | None]
    problems: list[str]


@transaction.atomic
def request_scores(
    *, user: User, items: Sequence[ScoringItem], per_minute: int, model: str | None = None
) -> ScoringRequest:
    """Asks for the rewards of each item's completions after its prompt.

    `model` names a version, or a reward model whose current version is to answer. Without it the default reward model's
    does that is current then. Raises NoRewardModel, ScoringRefused (which item or name is wrong, and how),
    TooManyRequests.
    """
    wanted = None if model is None else version_named(model)
    answering = wanted or current_reward_model()
    if answering is None:
        raise NoRewardModel("No reward model is current. Train one, or register and promote one in the admin.")
    if failure := why_unusable(answering):
        raise NoRewardModel(f"The reward model “{answering}” can't be used: {failure}")
    clean = [_clean(number, item) for number, item in enumerate(items, start=1)]
    _check_size(clean)
    now = timezone.now()
    _check_pace(User.objects.select_for_update(no_key=True).get(pk=user.pk), per_minute, now)
    return ScoringRequest.objects.create(asked_by=user, items=clean, wanted=wanted, asked_at=now)


def version_named(name: str) -> ModelVersion:
    """A version by its name, or a reward model's current one by its slug. Raises ScoringRefused, NoRewardModel."""
    rewarding = ModelVersion.objects.filter(kind=ModelKind.REWARD)
    version = rewarding.filter(name=name).first() or rewarding.current().filter(reward_model__slug=name).first()
    if version is not None:
        return version
    if RewardModel.objects.filter(slug=name).exists():
        raise NoRewardModel(
            f"The reward model “{name}” has no current version. Train one, or promote one in the admin."
        )
    raise ScoringRefused(f"There is no reward model, and no version of one, named “{name}”.")


def answering_model(request_id: int) -> ModelVersion | None:
    """The version that is to answer a request now; None while none is current."""
    request = ScoringRequest.objects.filter(pk=request_id).select_related("wanted").first()
    return request.wanted if request is not None and request.wanted is not None else current_reward_model()


def _clean(number: int, item: ScoringItem) -> ScoringItem:
    try:
        prompt = check_messages(item["prompt"])
        completions = [clean_text(text) for text in item["completions"]]
    except (PromptRefused, UnstorableText) as refusal:
        raise ScoringRefused(f"Item {number}: {refusal}") from refusal
    if not completions or not all(text.strip() for text in completions):
        raise ScoringRefused(f"Item {number} has no completion, or an empty one: there is nothing to score.")
    return ScoringItem(prompt=prompt, completions=completions)


def _check_size(items: Sequence[ScoringItem]) -> None:
    completions = sum(len(item["completions"]) for item in items)
    characters = sum(
        sum(len(message["content"]) for message in item["prompt"]) + sum(map(len, item["completions"]))
        for item in items
    )
    if not 1 <= completions <= MOST_COMPLETIONS:
        raise ScoringRefused(f"There are {completions} completions; a request takes 1 to {MOST_COMPLETIONS}.")
    if characters > MOST_CHARACTERS:
        raise ScoringRefused(f"The texts have {characters:,} characters in all; a request takes {MOST_CHARACTERS:,}.")


def _check_pace(user: User, per_minute: int, now: datetime) -> None:
    """Checks the account's limit. It counts rows under a lock on the user's row, so it holds across processes."""
    recent = ScoringRequest.objects.filter(asked_by=user, asked_at__gt=now - timedelta(minutes=1)).order_by("-asked_at")
    times = list(recent.values_list("asked_at", flat=True)[:per_minute])
    if len(times) >= per_minute:
        wait = max(1, ceil((times[-1] + timedelta(minutes=1) - now).total_seconds()))
        raise TooManyRequests(f"{per_minute} requests a minute are allowed; wait {wait} s.", wait_seconds=wait)


def _fail(request_id: int, failure: str) -> bool:
    ended = ScoringRequest.objects.filter(pk=request_id).move(
        to=ScoringState.FAILED, failure=failure[:LONGEST_ERROR], finished_at=timezone.now()
    )
    return ended == 1


def _give_up(request_id: int, after: timedelta) -> bool:
    return _fail(request_id, f"No scoring worker answered within {after.total_seconds() / 60:.0f} minutes.")


SCORING_REQUESTS = Outbox(
    model=ScoringRequest,
    waiting=Q(state=ScoringState.WAITING),
    task="labeling.tasks.score_request",
    send_again_after=timedelta(minutes=1),
    order_by="asked_at",
    giving_up=GivingUp(after=lambda: GIVE_UP_AFTER, since="asked_at", end=_give_up),
)
SCORING_ATTEMPTS = Attempts(task=SCORING_REQUESTS.task, give_up=_fail)


def forget_answered(*, now: datetime | None = None) -> None:
    """Deletes what was answered a week ago."""
    ScoringRequest.objects.filter(finished_at__lt=(now or timezone.now()) - FORGET_AFTER).delete()


def fail_scoring_request(*, request_id: int, failure: str) -> None:
    """Ends a request that still waits: the model can't be used."""
    _fail(request_id, failure)


def answer_scoring_request(*, request_id: int, model: ModelVersion, rewarder: Rewarder) -> None:
    """Scores what is asked for, if somebody still waits for it. Safe to run again at any time."""
    waiting = ScoringRequest.objects.filter(pk=request_id, state=ScoringState.WAITING)
    waiting.update(dispatched_at=timezone.now(), worker=worker_name())
    request = waiting.first()
    if request is None:
        return
    try:
        scored = rewarder.score(_items_of(request))
    except Exception as failure:
        _fail(request_id, f"{type(failure).__name__}: {failure}")
        raise
    waiting.move(
        to=ScoringState.READY, scores=_by_item(request, scored), model_version=model, finished_at=timezone.now()
    )


def _items_of(request: ScoringRequest) -> list[Item]:
    return [Item(tuple(item["prompt"]), completion) for item in request.items for completion in item["completions"]]


def _by_item(request: ScoringRequest, scored: Sequence[Scored]) -> list[ItemScores]:
    remaining = iter(scored)
    found = []
    for item in request.items:
        own = [next(remaining) for _ in item["completions"]]
        found.append(ItemScores(rewards=[each.reward for each in own], problems=[each.problem for each in own]))
    return found
