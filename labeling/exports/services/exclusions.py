"""Labels are left out of training with a reason, and taken in again."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import ExclusionRefused
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.exports.models import Exclusion
from labeling.exports.queries import exclusion_of, target_of
from labeling.imports.models import PromptImport
from labeling.people.models import Labeler

Target = Ranking | Demonstration | Labeler | Campaign | PromptImport | Prompt


@transaction.atomic
def leave_out(*, target: Target, reason: str, by: User | None = None, since: datetime | None = None) -> Exclusion:
    """From now on no snapshot holds the target's labels; of a labeler those that were handed in from `since` on.

    Snapshots that are there stay as they are. Raises ExclusionRefused: it is left out already, or no reason is given.
    """
    if not reason.strip():
        raise ExclusionRefused("Say why, for whoever looks at it later.")
    if since is not None and not isinstance(target, Labeler):
        raise ExclusionRefused("Only a labeler's work can be left out from a date on.")
    while_no_export_looks()
    if exclusion_of(target) is not None:
        raise ExclusionRefused(f"{target} is left out already. Take it in again first, to give another reason.")
    values: dict[str, Any] = {target_of(target): target}
    try:
        with transaction.atomic():
            return Exclusion.objects.create(**values, since=since, reason=reason.strip(), excluded_by=by)
    except IntegrityError as again:
        raise ExclusionRefused(f"{target} was left out by somebody else in the same moment.") from again


@transaction.atomic
def take_in(*, exclusion: Exclusion, reason: str, by: User | None = None) -> None:
    """Snapshots from now on hold those labels again.

    Raises ExclusionRefused: they do already, without a reason, or whoever wrote the prompt withdrew it.
    """
    if exclusion.prompt_id is not None:
        raise ExclusionRefused("Whoever wrote this prompt withdrew it, so that its labels are not taken in again.")
    if not reason.strip():
        raise ExclusionRefused("Say why, for whoever looks at it later.")
    while_no_export_looks()
    ended = Exclusion.objects.in_force().filter(pk=exclusion.pk)
    if not ended.update(ended_at=Now(), end_reason=reason.strip(), ended_by=by):
        raise ExclusionRefused(f"{exclusion.target} was taken in again already.")
