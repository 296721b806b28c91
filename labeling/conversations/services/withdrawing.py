"""Somebody takes back what was kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from labeling.campaigns.models.prompts import Prompt, Submitter
from labeling.conversations.models import ServedConversation, Withdrawal
from labeling.conversations.queries import not_withdrawn
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.exports.queries import exclusion_of
from labeling.exports.services.exclusions import leave_out
from labeling.exports.services.lineage import models_that_saw, snapshots_with
from labeling.imports.services.undoing import delete_prompts
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from labeling.rewards.models import RewardScore

WITHDRAWN = "Withdrawn by whoever wrote it."


@dataclass
class _Prompts:
    """Of what is withdrawn: those that nobody worked on, which go, and the others."""

    untouched: list[Prompt] = field(default_factory=list)
    worked_on: list[Prompt] = field(default_factory=list)


@transaction.atomic
def withdraw(*, user: User, by: User, conversations: Sequence[int] | None = None) -> Withdrawal:
    """Takes back those conversations of the person or account, or all of them; others' are left alone.

    What was said is deleted here, and so are prompts made of it that nobody worked on. A prompt that labelers worked on
    stays as the text that their labels are about, without work from now on and left out of every later snapshot.
    Snapshots that are there stay as they are: the withdrawal names them and the model versions trained on them.
    """
    theirs = ServedConversation.objects.filter(user=user)
    if conversations is not None:
        theirs = theirs.filter(pk__in=conversations)
    locked = list(theirs.order_by("pk").select_for_update(of=("self",)).values_list("pk", "prompt_id"))
    prompts = _sorted([prompt_id for _pk, prompt_id in locked if prompt_id is not None])
    taken = _take_out(prompts, [pk for pk, _prompt in locked], by)
    return Withdrawal.objects.create(user=user, asked_by=by, **taken)


@transaction.atomic
def withdraw_submitter(*, submitter: Submitter, by: User) -> Withdrawal:
    """Takes back all prompts of a submitter, whoever entered them, in every campaign, simulated ones too.

    As with conversations: those that nobody worked on are deleted, the others are left out from now on; the withdrawal
    names the snapshots and the model versions that saw any of them.
    """
    prompts = _sorted(list(not_withdrawn(submitter).values_list("pk", flat=True)))
    both = [*prompts.untouched, *prompts.worked_on]
    theirs = ServedConversation.objects.filter(prompt__in=both).order_by("pk")
    conversations = list(theirs.select_for_update(of=("self",)).values_list("pk", flat=True))
    return Withdrawal.objects.create(submitter=submitter.name, asked_by=by, **_take_out(prompts, conversations, by))


class _Taken(TypedDict):
    """Columns of a Withdrawal."""

    conversations: int
    prompts_deleted: int
    prompts_left_out: list[int]
    snapshots: list[int]
    models_that_saw: list[str]


def _take_out(prompts: _Prompts, conversations: Sequence[int], by: User) -> _Taken:
    ServedConversation.objects.filter(pk__in=conversations).delete()
    snapshots = snapshots_with([*prompts.untouched, *prompts.worked_on])  # while they are there to be asked about
    RewardScore.objects.filter(completion__task__prompt__in=prompts.untouched).delete()
    deleted = delete_prompts(Prompt.objects.filter(pk__in=[prompt.pk for prompt in prompts.untouched]))
    for prompt in prompts.worked_on:
        _put_away(prompt, by)
    return _Taken(
        conversations=len(conversations),
        prompts_deleted=deleted,
        prompts_left_out=[prompt.pk for prompt in prompts.worked_on],
        snapshots=[snapshot.pk for snapshot in snapshots],
        models_that_saw=[version.name for version in models_that_saw(snapshots)],
    )


def _sorted(prompt_ids: Sequence[int]) -> _Prompts:
    """Locks the prompts and their tasks, so that nobody begins with one meanwhile."""
    prompts = Prompt.objects.filter(pk__in=prompt_ids).order_by("pk").select_for_update(no_key=True)
    found = _Prompts()
    tasks = RankingTask.objects.filter(prompt__in=prompt_ids).order_by("pk")
    list(tasks.select_for_update(no_key=True).values_list("pk"))
    for prompt in prompts:
        if _worked_on(prompt):
            found.worked_on.append(prompt)
        else:
            found.untouched.append(prompt)
    return found


def _worked_on(prompt: Prompt) -> bool:
    """Whether it was ever handed out, answered, or made something that points at it."""
    met: QuerySet[Assignment] = Assignment.objects.filter(Q(prompt=prompt) | Q(task__prompt=prompt))
    gold = RankingTask.objects.filter(prompt=prompt, gold_item__isnull=False)
    copies = RankingTask.objects.filter(copy_of__prompt=prompt)
    return (
        prompt.author_id is not None  # a labeler wrote it as their work
        or met.exists()
        or Demonstration.objects.filter(prompt=prompt).exists()
        or gold.exists()
        or copies.exists()
        or prompt.imported_rankings.exists()
    )


def _put_away(prompt: Prompt, by: User) -> None:
    if not prompt.set_aside_reason:
        set_prompt_aside(prompt=prompt, reason=WITHDRAWN)
    if exclusion_of(prompt) is None:
        leave_out(target=prompt, reason=WITHDRAWN, by=by)
