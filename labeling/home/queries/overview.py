"""The start page: what there is to do, what lies unfinished, what was done today."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BooleanField, ExpressionWrapper, Q

from labeling.base.states import AssignmentKind, AssignmentState, CompositionKind
from labeling.campaigns.models.campaigns import TAKES_HELD_WORK
from labeling.campaigns.models.queues import quota_reached
from labeling.desk.models import Assignment
from labeling.desk.queries.available import as_counted, available_by_campaign, more_than_counted, open_campaigns
from labeling.desk.queries.work import is_unexpected
from labeling.home.queries.work_done import pieces_done
from labeling.pay.surveys.models import Survey
from labeling.pay.surveys.queries import survey_to_answer
from labeling.people.models import Labeler
from labeling.people.queries import beginning_of_today
from labeling.writing.queries import OwnWriting, begun_by

UNFINISHED_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """Work that the labeler holds, or began and lost the lease of; the draft is there in both cases.

    `warned`: its prompt has a content warning and the labeler has not begun it, so nothing of it is shown.
    """

    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    warned: bool
    lapsed: bool
    saved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One kind of handed-out work: what waits, what is held, what was done.

    `available_more`: there are more than were counted.
    """

    kind: str
    available: int
    available_more: bool
    done_today: int
    held: Unfinished | None


@dataclass(frozen=True, kw_only=True)
class CampaignWork:
    slug: str
    name: str
    description: str
    available: dict[str, str]
    """By kind of handed-out work; "100+" where counting stopped."""
    own_writing: list[CompositionKind]
    comes_first: bool
    """As the labeler chose."""
    quota_reached: bool
    """They have done as much of it as it takes from one person in a day or a week."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """`begun` is the labeler's own writing that is not handed in yet."""

    queues: list[Queue]
    lapsed: list[Unfinished]
    campaigns: list[CampaignWork]
    begun: list[OwnWriting]
    survey: Survey | None
    """The open one, which they have not answered."""


def overview_of(labeler: Labeler, handed_out: Sequence[str]) -> Overview:
    """`handed_out`: the kinds of work that come from a queue, in the order to show them."""
    available = {kind: available_by_campaign(labeler, AssignmentKind(kind)) for kind in handed_out}
    unfinished = _unfinished(labeler)
    held = {each.kind: each for each in unfinished if not each.lapsed}
    done = _done_today(labeler)
    return Overview(
        queues=[
            Queue(
                kind=kind,
                available=sum(available[kind].values()),
                available_more=more_than_counted(available[kind].values()),
                done_today=done[kind],
                held=held.get(kind),
            )
            for kind in handed_out
        ],
        lapsed=[each for each in unfinished if each.lapsed],
        campaigns=[
            CampaignWork(
                slug=campaign.slug,
                name=campaign.name,
                description=campaign.description,
                available={kind: as_counted(counts.get(campaign.pk, 0)) for kind, counts in available.items()},
                own_writing=[] if campaign.quota_reached else campaign.own_writing(),
                quota_reached=campaign.quota_reached,
                comes_first=campaign.pk == labeler.first_campaign_id,
            )
            for campaign in open_campaigns(labeler).annotate(
                quota_reached=ExpressionWrapper(quota_reached(labeler, campaign=""), BooleanField())
            )
        ],
        begun=begun_by(labeler),
        survey=survey_to_answer(labeler),
    )


def _unfinished(labeler: Labeler) -> list[Unfinished]:
    assignments = (
        Assignment.objects.filter(
            Q(state=AssignmentState.OPEN) | Q(state=AssignmentState.LAPSED, draft_version__gt=0),
            TAKES_HELD_WORK,
            labeler=labeler,
        )
        .select_related("campaign", "prompt")
        .order_by("-id")[:UNFINISHED_SHOWN]
    )
    return [
        Unfinished(
            token=str(assignment.token),
            kind=assignment.kind,
            campaign=assignment.campaign.name,
            excerpt="" if is_unexpected(assignment) else assignment.prompt.last_user_text(),
            language=assignment.prompt.language,
            warned=is_unexpected(assignment),
            lapsed=assignment.state == AssignmentState.LAPSED,
            saved_at=assignment.draft_saved_at,
        )
        for assignment in assignments
    ]


def _done_today(labeler: Labeler) -> Counter[str]:
    done: Counter[str] = Counter()
    for pieces in pieces_done(labeler, since=beginning_of_today(labeler)):
        done[pieces.kind] += pieces.count
    return done
