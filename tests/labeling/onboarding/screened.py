"""A screening, a candidate in it, and what they do there."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from labeling.base.states import CampaignStage, LabelerState
from labeling.models import Campaign, Candidate, GoldItem, Labeler
from labeling.onboarding.invitations.services import Invited, make_invitation
from labeling.onboarding.screening.services import number_candidate
from labeling.quality.gold.services.items import RightAnswer, make_gold
from labeling.quality.gold.services.measuring import measure_handed_in
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank


def make_stage(stage: CampaignStage, *, items: int, flags: Sequence[str] = (), **fields: Any) -> Campaign:
    """An open campaign whose gold items say 1, 2, 3, 4, and have the flags set on their last completion."""
    settings: dict[str, Any] = {"stage": stage, "demonstrations_per_prompt": 0} | fields
    campaign = make_campaign(**settings)
    for _ in range(items):
        gold_in(campaign, flags=flags)
    return campaign


def gold_in(campaign: Campaign, *, flags: Sequence[str] = (), reason: str = "Because.") -> GoldItem:
    task = make_ready_task(make_prompt(campaign))
    ids = sorted(task.completions.values_list("pk", flat=True))
    answer = RightAnswer(
        ranks={pk: rank for rank, pk in enumerate(ids, start=1)},
        flags={ids[-1]: list(flags)} if flags else {},
        reason=reason,
    )
    return make_gold(task=task, answer=answer, by=None)


def make_candidate(name: str = "alice") -> Candidate:
    return number_candidate(make_labeler(name, state=LabelerState.SCREENING))


def invited_by(user: User, *, days: int = 7, **what: Any) -> str:
    """The secret of a new link."""
    return make_invitation(invited=Invited(**what), expires_at=timezone.now() + timedelta(days=days), by=user)[1]


def ranks_all(labeler: Labeler, *orders: list[int]) -> None:
    """Ranks one item after the other so, and what is gold of it is measured."""
    for order in orders:
        rank(labeler, order)
    measure_handed_in()
