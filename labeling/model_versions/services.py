"""Model versions: registered, tried by a worker, promoted, rolled back, retired.

A version is registered when its files look whole, and can be promoted when a worker has loaded it and used it once.
"""

import json
import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.outbox import GivingUp, Outbox
from labeling.base.refusals import ModelRefused, Refusal
from labeling.base.states import CheckState, IllegalMove, ModelKind, ModelState, check_move
from labeling.base.text import LONGEST_ERROR
from labeling.model_versions.models import ModelCheck, ModelVersion, Promotion, RewardModel
from labeling.model_versions.queries import promotions_of, way_back
from lm.errors import Refused, UnusableModel
from lm.hub import fetch, is_hub_id
from lm.model_directory import check_language_model, check_reward_model
from lm.prompt_format import Message
from lm.snapshot.manifest import Counts
from rm_trainer.metrics import Metrics
from rm_trainer.protocol import Item, Rewarder
from sampler.protocol import Sampler, SampleRequest

log = logging.getLogger(__name__)

WORKERS = {ModelKind.SFT: "sampling", ModelKind.REWARD: "scoring"}
"""Which workers load models of a kind."""
CHECK_FILES = {ModelKind.SFT: check_language_model, ModelKind.REWARD: check_reward_model}


CHECK_AGAIN_AFTER = timedelta(minutes=5)
"""How often a current model that could not be loaded is tried anew."""
HELLO = Message(role="user", content="Hello! Who are you?")


@transaction.atomic
def register_model(
    *,
    kind: ModelKind,
    name: str,
    path: Path,
    reward_model: RewardModel | None = None,
    parent: ModelVersion | None = None,
    snapshot_id: int | None = None,
    metrics: Metrics | None = None,
    simulated: bool = False,
    used: str = "",
) -> ModelVersion:
    """A new candidate, which waits for a worker to try it. The directory must hold a safetensors checkpoint of that
    kind, with its tokenizer. `used`: what a worker has done with it already, where nobody needs to try it again.

    `reward_model`: which one it is a version of; of the default one unless it is named. `simulated`: it learned from
    simulated labelers, as its own metrics.json may say, too. Raises ModelRefused.
    """
    try:
        CHECK_FILES[kind](path)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable
    if ModelVersion.objects.filter(name=name).exists():
        raise ModelRefused(
            f"There is a model version named “{name}” already; versions never change, choose a new name."
        )
    if kind == ModelKind.REWARD and reward_model is None:
        reward_model = default_reward_model()
    version = ModelVersion.objects.create(
        kind=kind,
        reward_model=reward_model,
        name=name,
        path=str(path.resolve()),
        parent=parent,
        snapshot_id=snapshot_id,
        metrics=metrics or {},
        simulated=simulated or _says_simulated(path),
    )
    if used:
        ModelCheck.objects.create(
            model_version=version, state=CheckState.PASSED, result=used, finished_at=timezone.now()
        )
    else:
        check_again(version=version)
    return version


def _says_simulated(path: Path) -> bool:
    """Whether the trainer wrote beside the weights that simulated rankings were among its data."""
    try:
        counts = json.loads((path / "metrics.json").read_text(encoding="utf-8"))["snapshot"]["counts"]
        return has_simulated(counts)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def has_simulated(counts: Counts) -> bool:
    """Whether a snapshot of these counts holds what simulated labelers handed in."""
    return any(split.get("simulated") for split in counts.values())


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
def find_or_register(
    *, kind: ModelKind, name: str, path: Path, reward_model: RewardModel | None = None
) -> tuple[ModelVersion, bool]:
    """The version of that name and path, and whether it is new. Raises ModelRefused as `register_model` does."""
    known = ModelVersion.objects.filter(kind=kind, name=name, path=str(path.resolve())).first()
    if known is not None and reward_model not in (None, known.reward_model):
        raise ModelRefused(f"“{known}” is a version of {known.reward_model} already; choose a new name.")
    if known is not None:
        return known, False
    return register_model(kind=kind, name=name, path=path, reward_model=reward_model), True


@transaction.atomic
def promote(*, version: ModelVersion, reason: str, simulated: bool = False) -> ModelVersion:
    """Makes the version the current one: the SFT model, or that of its reward model. The one before it is retired.

    `simulated` says that one may that learned from simulated labelers. Raises ModelRefused when that is not said, no
    worker has used it yet, the last one could not, or its files are gone; IllegalMove when it is current already.
    """
    _refuse_untried(version)
    _refuse_broken(version)
    _refuse_simulated(version, asked_for=simulated)
    return _make_current(version, reason, before=_replaced(version))


@transaction.atomic
def roll_back(
    *,
    kind: ModelKind,
    reward_model: RewardModel | None = None,
    expected: ModelVersion | None = None,
    simulated: bool = False,
) -> ModelVersion:
    """Makes the version that was current before the present one current again; twice goes back two.

    `expected` was promised to whoever asks. Raises ModelRefused when nothing was current before, another version than
    promised, or one that the last worker could not use.
    """
    _lock(kind, reward_model)
    back = way_back(kind, reward_model)
    if back is None:
        raise ModelRefused(f"There is no earlier {kind} model to roll back to.")
    if expected is not None and back.version_id != expected.pk:
        raise ModelRefused(
            f"Meanwhile another model was promoted, rolled back or retired: rolling back would lead to {back.version} "
            f"now, not to {expected}. Look again."
        )
    _refuse_broken(back.version)
    _refuse_simulated(back.version, asked_for=simulated)
    current = ModelVersion.objects.filter(kind=kind, reward_model=reward_model, state=ModelState.CURRENT).first()
    reason = f"Rolled back from {current}." if current else "Rolled back; no model was current."
    return _make_current(back.version, reason, before=back.before, rolled_back=True)


def _refuse_untried(version: ModelVersion) -> None:
    check = version.last_check
    if check is None or check.state == CheckState.WAITING:
        raise ModelRefused(
            f"“{version}” can't be promoted yet: a worker loads it and uses it once first. Wait for that; where it "
            f"takes long, see whether a {WORKERS[ModelKind(version.kind)]} worker is up."
        )


def _refuse_broken(version: ModelVersion) -> None:
    check = version.last_check
    if check is not None and check.state == CheckState.FAILED:
        raise ModelRefused(
            f"“{version}” can't be promoted: the worker that tried it failed. {check.failure} Mend that and have it "
            "checked again, or register another version."
        )


def _refuse_simulated(version: ModelVersion, *, asked_for: bool) -> None:
    if version.simulated and not asked_for:
        raise ModelRefused(
            f"“{version}” learned from simulated labelers, whose preferences are nobody's. Say in so many words that "
            "it may become current all the same."
        )


def _make_current(
    version: ModelVersion, reason: str, *, before: Promotion | None, rolled_back: bool = False
) -> ModelVersion:
    versions = _lock(ModelKind(version.kind), version.reward_model)
    version = versions[version.pk]
    check_move(old=ModelState(version.state), new=ModelState.CURRENT)
    try:
        CHECK_FILES[ModelKind(version.kind)](Path(version.path))
    except UnusableModel as unusable:
        raise ModelRefused(f"“{version}” can't be promoted: {unusable}") from unusable
    now = timezone.now()
    for each in versions.values():
        if each.state == ModelState.CURRENT:
            each.move(to=ModelState.RETIRED, state_reason=f"Replaced by {version}.")
            _end(each, now)
    version.move(to=ModelState.CURRENT, state_reason=reason, promoted_at=now)
    Promotion.objects.create(version=version, before=before, rolled_back=rolled_back, reason=reason)
    return version


def _replaced(version: ModelVersion) -> Promotion | None:
    """What rolling back leads to once `version` is promoted: the current one, or where the way back leads without."""
    _lock(ModelKind(version.kind), version.reward_model)
    latest = promotions_of(ModelKind(version.kind), version.reward_model).first()
    back = latest.before if latest is not None and latest.ended_at is not None else latest
    while back is not None and back.version_id == version.pk:  # it was retired meanwhile, and comes again
        back = back.before
    return back


def _lock(kind: ModelKind, reward_model: RewardModel | None) -> dict[int, ModelVersion]:
    """Locks the versions among which one is current, and returns them by id."""
    versions = ModelVersion.objects.select_for_update().filter(kind=kind, reward_model=reward_model)
    return {each.pk: each for each in versions.order_by("pk")}


def _end(version: ModelVersion, now: datetime) -> None:
    version.promotions.filter(ended_at=None).update(ended_at=now)


@transaction.atomic
def retire(*, version: ModelVersion, reason: str) -> None:
    """Takes a version out of use; it stays on record. Raises IllegalMove when it is retired already."""
    version = _lock(ModelKind(version.kind), version.reward_model)[version.pk]
    version.move(to=ModelState.RETIRED, state_reason=reason)
    _end(version, timezone.now())


def keep_as_candidate(*, version: ModelVersion, reason: str) -> None:
    """Writes down why a candidate was not promoted."""
    ModelVersion.objects.filter(pk=version.pk, state=ModelState.CANDIDATE).update(state_reason=reason)


@transaction.atomic
def default_reward_model() -> RewardModel:
    """The one that new campaigns feed and that programs get who name none; made where there is none yet."""
    reward_model, _ = RewardModel.objects.get_or_create(
        is_default=True, defaults={"slug": "reward", "name": "Reward model"}
    )
    return reward_model


@transaction.atomic
def create_reward_model(**fields: Any) -> RewardModel:
    """One more reward model, which no campaign feeds yet. Raises ValidationError: a taken slug, no name."""
    reward_model = RewardModel(**fields)
    reward_model.full_clean()
    reward_model.save()
    return reward_model


@transaction.atomic
def change_reward_model(*, reward_model: RewardModel, **fields: Any) -> None:
    """Changes its words and its schedule. Raises ValidationError."""
    reward_model = RewardModel.objects.select_for_update(no_key=True).get(pk=reward_model.pk)
    for name, value in fields.items():
        setattr(reward_model, name, value)
    reward_model.full_clean()
    reward_model.save(update_fields=list(fields))


@transaction.atomic
def make_default(*, reward_model: RewardModel) -> None:
    """From now on new campaigns feed it, and programs that name none get its rewards."""
    list(RewardModel.objects.select_for_update().order_by("pk"))
    RewardModel.objects.filter(is_default=True).update(is_default=False)
    RewardModel.objects.filter(pk=reward_model.pk).update(is_default=True)


@transaction.atomic
def check_again(*, version: ModelVersion, promotion_reason: str = "", promote_simulated: bool = False) -> ModelCheck:
    """Asks a worker to load the version and use it once. `promotion_reason`: and to promote it when that has worked.

    Where a worker is asked already nothing is asked anew.
    """
    check, _ = ModelCheck.objects.get_or_create(model_version=version, state=CheckState.WAITING)
    if promotion_reason:
        check.promotion_reason, check.promote_simulated = promotion_reason, promote_simulated
        check.save(update_fields=["promotion_reason", "promote_simulated"])
    transaction.on_commit(send_checks)
    return check


@transaction.atomic
def promote_when_checked(*, version: ModelVersion, reason: str, simulated: bool = False) -> ModelVersion:
    """Promotes the version, now or as soon as a worker has used it once; its state tells which. Raises as `promote`."""
    check = version.last_check
    if check is not None and check.state == CheckState.PASSED:
        return promote(version=version, reason=reason, simulated=simulated)
    _refuse_simulated(version, asked_for=simulated)
    check_again(version=version, promotion_reason=reason, promote_simulated=simulated)
    return version


def _fail_check(check_id: int, failure: str) -> None:
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    waiting.move(to=CheckState.FAILED, failure=failure, finished_at=timezone.now())


CHECK_ATTEMPTS = Attempts(task="labeling.tasks.sample_once and score_once", give_up=_fail_check)
"""A worker that dies while it loads a model is asked again, but not for ever: the model may be what kills it."""


def answer_check(*, check_id: int, use: Callable[[ModelVersion], str]) -> None:
    """Has the version used, and writes down what it gave or why it can't be used. Safe to run again at any time.

    `use` loads the model and returns what it gave, in words.
    """
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    waiting.update(dispatched_at=timezone.now(), worker=socket.gethostname())
    check = waiting.select_related("model_version").first()
    if check is not None:
        CHECK_ATTEMPTS.work_at([check_id], lambda _ids: _answer(check, use))


def _answer(check: ModelCheck, use: Callable[[ModelVersion], str]) -> None:
    waiting = ModelCheck.objects.filter(pk=check.pk, state=CheckState.WAITING)
    try:
        result = use(check.model_version)
    except Exception as failure:
        log.exception("model version %s can't be used", check.model_version_id)
        waiting.move(to=CheckState.FAILED, failure=_in_words(failure), finished_at=timezone.now())
        return
    waiting.move(to=CheckState.PASSED, result=result, finished_at=timezone.now())
    if check.promotion_reason:
        try:
            promote(version=check.model_version, reason=check.promotion_reason, simulated=check.promote_simulated)
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
