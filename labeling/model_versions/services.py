"""Model versions: registered, tried by a worker, promoted, rolled back, retired.

A version is registered when its files look whole, and can be promoted when a worker has loaded it and used it once.
"""

import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from math import isfinite
from pathlib import Path

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from labeling.base.outbox import GivingUp, Outbox
from labeling.base.refusals import ModelRefused, Refusal
from labeling.base.states import CheckState, IllegalMove, ModelKind, ModelState, check_move
from labeling.base.text import LONGEST_ERROR
from labeling.model_versions.models import ModelCheck, ModelVersion
from lm.errors import Refused, UnusableModel
from lm.hub import fetch, is_hub_id
from lm.model_directory import check_language_model, check_reward_model
from lm.prompt_format import Message
from rm_trainer.metrics import Metrics
from rm_trainer.protocol import Item, Rewarder
from sampler.protocol import Sampler, SampleRequest

log = logging.getLogger(__name__)

WORKERS = {ModelKind.SFT: "sampling", ModelKind.REWARD: "scoring"}
"""Which workers load models of a kind."""
CHECK_FILES = {ModelKind.SFT: check_language_model, ModelKind.REWARD: check_reward_model}


CHECK_ATTEMPTS = 3
"""A worker that dies while it loads a model is asked again, but not for ever: the model may be what kills it."""
CHECK_AGAIN_AFTER = timedelta(minutes=5)
"""How often a current model that could not be loaded is tried anew."""
HELLO = Message(role="user", content="Hello! Who are you?")


@transaction.atomic
def register_model(
    *,
    kind: ModelKind,
    name: str,
    path: Path,
    parent: ModelVersion | None = None,
    snapshot_id: int | None = None,
    metrics: Metrics | None = None,
    used: str = "",
) -> ModelVersion:
    """A new candidate, which waits for a worker to try it. The directory must hold a safetensors checkpoint of that
    kind, with its tokenizer. `used`: what a worker has done with it already, where nobody needs to try it again.

    Raises ModelRefused.
    """
    try:
        CHECK_FILES[kind](path)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable
    if ModelVersion.objects.filter(name=name).exists():
        raise ModelRefused(
            f"There is a model version named “{name}” already; versions never change, choose a new name."
        )
    version = ModelVersion.objects.create(
        kind=kind, name=name, path=str(path.resolve()), parent=parent, snapshot_id=snapshot_id, metrics=metrics or {}
    )
    if used:
        ModelCheck.objects.create(
            model_version=version, state=CheckState.PASSED, result=used, finished_at=timezone.now()
        )
    else:
        check_again(version=version)
    return version


def local_model(*, model: str, models_dir: Path) -> Path:
    """The directory of a model that is named by its path or its Hugging Face id; an id is downloaded if need be.

    Raises ModelRefused.
    """
    if not is_hub_id(model):
        return Path(model)
    try:
        return fetch(model, models_dir)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable


@transaction.atomic
def find_or_register(*, kind: ModelKind, name: str, path: Path) -> tuple[ModelVersion, bool]:
    """The version of that name and path, and whether it is new. Raises ModelRefused as `register_model` does."""
    known = ModelVersion.objects.filter(kind=kind, name=name, path=str(path.resolve())).first()
    return (known, False) if known else (register_model(kind=kind, name=name, path=path), True)


@transaction.atomic
def promote(*, version: ModelVersion, reason: str) -> ModelVersion:
    """Makes the version the current one of its kind; the one before it is retired.

    Raises ModelRefused when no worker has used it yet, the last one could not, or its files are gone; IllegalMove when
    it is current already.
    """
    _refuse_untried(version)
    version = _make_current(version, reason)
    version.promoted_at = timezone.now()
    version.save(update_fields=["promoted_at"])
    return version


def _refuse_untried(version: ModelVersion) -> None:
    check = version.last_check
    if check is None or check.state == CheckState.WAITING:
        raise ModelRefused(
            f"“{version}” can't be promoted yet: a worker loads it and uses it once first. Wait for that; where it "
            f"takes long, see whether a {WORKERS[ModelKind(version.kind)]} worker is up."
        )
    if check.state == CheckState.FAILED:
        raise ModelRefused(
            f"“{version}” can't be promoted: the worker that tried it failed. {check.failure} Mend that and have it "
            "checked again, or register another version."
        )


def _make_current(version: ModelVersion, reason: str) -> ModelVersion:
    same_kind = ModelVersion.objects.select_for_update().filter(kind=version.kind).order_by("pk")
    versions = {each.pk: each for each in same_kind}
    version = versions[version.pk]
    check_move(old=ModelState(version.state), new=ModelState.CURRENT)
    try:
        CHECK_FILES[ModelKind(version.kind)](Path(version.path))
    except UnusableModel as unusable:
        raise ModelRefused(f"“{version}” can't be promoted: {unusable}") from unusable
    for each in versions.values():
        if each.state == ModelState.CURRENT:
            each.move(to=ModelState.RETIRED, state_reason=f"Replaced by {version}.")
    version.move(to=ModelState.CURRENT, state_reason=reason)
    return version


@transaction.atomic
def roll_back(*, kind: ModelKind) -> ModelVersion:
    """Makes the version that was promoted before the present one current again; twice goes back two.

    Raises ModelRefused when there is none.
    """
    current = ModelVersion.objects.current(kind).first()
    earlier = ModelVersion.objects.filter(kind=kind, state=ModelState.RETIRED, promoted_at__isnull=False)
    before = earlier.filter(promoted_at__lt=current.promoted_at).order_by("-promoted_at").first() if current else None
    if before is None:
        raise ModelRefused(f"There is no earlier {kind} model to roll back to.")
    return _make_current(before, f"Rolled back from {current}.")


@transaction.atomic
def retire(*, version: ModelVersion, reason: str) -> None:
    """Takes a version out of use; it stays on record. Raises IllegalMove when it is retired already."""
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    version.move(to=ModelState.RETIRED, state_reason=reason)


def keep_as_candidate(*, version: ModelVersion, reason: str) -> None:
    """Writes down why a candidate was not promoted."""
    ModelVersion.objects.filter(pk=version.pk, state=ModelState.CANDIDATE).update(state_reason=reason)


@transaction.atomic
def check_again(*, version: ModelVersion, promotion_reason: str = "") -> ModelCheck:
    """Asks a worker to load the version and use it once. `promotion_reason`: and to promote it when that has worked.

    Where a worker is asked already nothing is asked anew.
    """
    check, _ = ModelCheck.objects.get_or_create(model_version=version, state=CheckState.WAITING)
    if promotion_reason:
        check.promotion_reason = promotion_reason
        check.save(update_fields=["promotion_reason"])
    transaction.on_commit(send_checks)
    return check


@transaction.atomic
def promote_when_checked(*, version: ModelVersion, reason: str) -> ModelVersion:
    """Promotes the version, now or as soon as a worker has used it once; its state tells which. Raises as `promote`."""
    check = version.last_check
    if check is not None and check.state == CheckState.PASSED:
        return promote(version=version, reason=reason)
    check_again(version=version, promotion_reason=reason)
    return version


def answer_check(*, check_id: int, use: Callable[[ModelVersion], str]) -> None:
    """Has the version used, and writes down what it gave or why it can't be used. Safe to run again at any time.

    `use` loads the model and returns what it gave, in words.
    """
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    waiting.update(dispatched_at=timezone.now(), worker=socket.gethostname(), attempts=F("attempts") + 1)
    check = waiting.select_related("model_version").first()
    if check is None:
        return
    if check.attempts > CHECK_ATTEMPTS:
        died = f"{CHECK_ATTEMPTS} workers died while they loaded it. Has the machine enough memory?"
        waiting.move(to=CheckState.FAILED, failure=died, finished_at=timezone.now())
        return
    try:
        result = use(check.model_version)
    except Exception as failure:
        log.exception("model version %s can't be used", check.model_version_id)
        waiting.move(to=CheckState.FAILED, failure=_in_words(failure), finished_at=timezone.now())
        return
    waiting.move(to=CheckState.PASSED, result=result, finished_at=timezone.now())
    if check.promotion_reason:
        try:
            promote(version=check.model_version, reason=check.promotion_reason)
        except (Refusal, IllegalMove) as refused:
            keep_as_candidate(version=check.model_version, reason=f"{refused}")


def sample_once(sampler: Sampler) -> str:
    """Returns what the model says to a greeting. Raises what the sampler raises."""
    ((said,),) = sampler.sample([SampleRequest(messages=[HELLO], num_completions=1, seed=0, max_new_tokens=8)])
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
            worker=socket.gethostname(),
            finished_at=timezone.now(),
        )


def check_broken_again() -> None:
    """Asks for another try of current models that could not be loaded some minutes ago: a disk may be back."""
    for version in ModelVersion.objects.current():
        check = version.last_check
        if check is None or check.finished_at is None or check.state != CheckState.FAILED:
            continue
        if check.finished_at < timezone.now() - CHECK_AGAIN_AFTER:
            check_again(version=version)


def _in_words(failure: Exception) -> str:
    said = f"{failure}" if isinstance(failure, Refusal | Refused) else f"{type(failure).__name__}: {failure}"
    return said[:LONGEST_ERROR] or type(failure).__name__


def _give_up(check_id: int, after: timedelta) -> bool:
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING).select_related("model_version")
    check = waiting.first()
    if check is None:
        return False
    worker = WORKERS[ModelKind(check.model_version.kind)]
    words = (
        f"No {worker} worker tried it within {after.total_seconds() / 60:.0f} minutes. Start one, and check it again."
    )
    return waiting.move(to=CheckState.FAILED, failure=words, finished_at=timezone.now()) == 1


def _checks(kind: ModelKind, task: str) -> Outbox:
    return Outbox(
        model=ModelCheck,
        waiting=Q(state=CheckState.WAITING, model_version__in=ModelVersion.objects.filter(kind=kind)),
        task=task,
        send_again_after=timedelta(minutes=10),
        giving_up=GivingUp(after=lambda: timedelta(minutes=60), since="asked_at", end=_give_up),
    )


CHECKS = (
    _checks(ModelKind.SFT, "labeling.tasks.sample_once"),
    _checks(ModelKind.REWARD, "labeling.tasks.score_once"),
)


def send_checks() -> None:
    """Asks workers for every check that waits."""
    for outbox in CHECKS:
        outbox.send()


def give_up_late_checks() -> None:
    """Ends visibly what no worker took up."""
    for outbox in CHECKS:
        outbox.give_up_late()
