"""A worker loads a version and uses it once, and writes down what it gave or why it can't be used."""

import logging
from collections.abc import Callable
from math import isfinite

from django.db import transaction
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.refusals import ModelRefused, Refusal
from labeling.base.states import CheckState, IllegalMove
from labeling.base.text import LONGEST_ERROR
from labeling.base.worker_locks import worker_name
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.model_versions.services.promotion import keep_as_candidate, promote
from lm.errors import Failed, Refused
from lm.prompt_format import Message
from rm_trainer.protocol import Item, Rewarder
from sampler.protocol import Sampler, SampleRequest

log = logging.getLogger(__name__)


HELLO = Message(role="user", content="Hello! Who are you?")


def _fail(check_id: int, failure: str) -> None:
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    waiting.move(to=CheckState.FAILED, failure=failure, finished_at=timezone.now())


CHECK_ATTEMPTS = Attempts(task="labeling.tasks.sample_once and score_once", give_up=_fail)
"""A worker that dies while it loads a model is asked again, but not for ever: the model may be what kills it."""


def answer_check(*, check_id: int, use: Callable[[ModelVersion], str]) -> None:
    """Has the version used, and writes down what it gave or why it can't be used. Safe to run again at any time.

    `use` loads the model and returns what it gave, in words.
    """
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    waiting.update(dispatched_at=timezone.now(), worker=worker_name())
    check = waiting.select_related("model_version").first()
    if check is not None:
        CHECK_ATTEMPTS.work_at([check_id], lambda _ids: _answer(check, use))


def _answer(check: ModelCheck, use: Callable[[ModelVersion], str]) -> None:
    waiting = ModelCheck.objects.filter(pk=check.pk, state=CheckState.WAITING)
    try:
        result = use(check.model_version)
    except Exception as failure:
        log.exception("model version %s can't be used", check.model_version_id)
        _fail(check.pk, _in_words(failure))
        return
    with transaction.atomic():
        # Somebody may have asked for the promotion while the model was loading.
        held = waiting.select_for_update(no_key=True).first()
        waiting.move(to=CheckState.PASSED, result=result, finished_at=timezone.now())
    if held is not None and held.promotion_reason:
        try:
            promote(version=check.model_version, reason=held.promotion_reason, simulated=held.promote_simulated)
        except (Refusal, IllegalMove) as refused:
            keep_as_candidate(version=check.model_version, reason=f"{refused}")


def sample_once(sampler: Sampler) -> str:
    """Returns what the model says to a greeting. Raises what the sampler raises, and ModelRefused: it says nothing."""
    (answers,) = sampler.sample([SampleRequest(messages=[HELLO], num_completions=4, seed=0, max_new_tokens=8)])
    said = next((answer for answer in answers if answer.text.strip()), None)
    if said is None:
        raise ModelRefused(
            f"It ends its turn at once: {len(answers)} answers to a greeting were all empty. Its chat template may not "
            "be the one that it was trained with, or its weights are damaged."
        )
    return (
        f"{HELLO['content']} → {said.text!r} ({said.token_count} tokens, mean log-probability {said.mean_logprob:.2f})"
    )


def score_once(rewarder: Rewarder) -> str:
    """Returns the rewards of two different answers to a greeting. Raises ModelRefused where they say nothing."""
    answers = ("I am an assistant. How can I help you?", "Go away.")
    scored = rewarder.score([Item((HELLO,), answer) for answer in answers])
    problems = [each.problem for each in scored if each.reward is None]
    if problems:
        raise ModelRefused(f"It can't score a short answer: {problems[0]}")
    rewards = [each.reward for each in scored if each.reward is not None]
    if not all(map(isfinite, rewards)) or rewards[0] == rewards[1]:
        raise ModelRefused(
            f"It gives two different answers the rewards {rewards[0]} and {rewards[1]}: its head, or its chat "
            "template, leaves the answer out."
        )
    return " · ".join(f"“{answer}” → {reward:+.3f}" for answer, reward in zip(answers, rewards, strict=True))


def note_unusable(*, version: ModelVersion, failure: Exception) -> None:
    """A worker could not load a version that is in use: its page says why, and it is tried again after a while."""
    last = version.last_check
    if last is None or last.state == CheckState.PASSED:
        ModelCheck.objects.create(
            model_version=version,
            state=CheckState.FAILED,
            failure=_in_words(failure),
            worker=worker_name(),
            finished_at=timezone.now(),
        )


def _in_words(failure: Exception) -> str:
    said = f"{failure}" if isinstance(failure, Refusal | Refused | Failed) else f"{type(failure).__name__}: {failure}"
    return said[:LONGEST_ERROR] or type(failure).__name__
