"""The start page: what there is to do, what lies unfinished, what was done today."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q

from labeling.base.states import AssignmentKind, AssignmentState, CampaignState, CompositionKind
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.models import Assignment
from labeling.desk.queries.available import COUNTED_AT_MOST, available_by_campaign, more_than_counted
from labeling.home.queries.day import beginning_of_today
from labeling.people.models import Labeler
from labeling.writing.queries import OwnWriting, begun_by

UNFINISHED_SHOWN = 12
DONE_TODAY = """
SELECT count(*) FROM labeling_assignment
WHERE labeler_id = %s AND closed_at >= %s AND closed_at < %s AND kind = %s AND state = 'submitted'
"""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """Work that the labeler holds, or began and lost the lease of; the draft is there in both cases."""

    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    lapsed: bool
    saved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class KindOfWork:
    """`available_more`: there are more than were counted."""

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
    rankings: str
    demonstrations: str
    own_writing: list[CompositionKind]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """`begun` is the labeler's own writing that is not handed in yet."""

    kinds: list[KindOfWork]
    lapsed: list[Unfinished]
    campaigns: list[CampaignWork]
    begun: list[OwnWriting]

    @property
    def has_own_writing(self) -> bool:
        return bool(self.begun) or any(campaign.own_writing for campaign in self.campaigns)


def overview_of(labeler: Labeler) -> Overview:
    available = {kind: available_by_campaign(labeler, kind) for kind in AssignmentKind}
    unfinished = _unfinished(labeler)
    held = {each.kind: each for each in unfinished if not each.lapsed}
    done = _done_today(labeler)
    return Overview(
        kinds=[
            KindOfWork(
                kind=kind,
                available=sum(available[kind].values()),
                available_more=more_than_counted(available[kind].values()),
                done_today=done.get(kind, 0),
                held=held.get(kind),
            )
            for kind in (AssignmentKind.RANKING, AssignmentKind.DEMONSTRATION)
        ],
        lapsed=[each for each in unfinished if each.lapsed],
        campaigns=[
            CampaignWork(
                slug=campaign.slug,
                name=campaign.name,
                description=campaign.description,
                rankings=_as_counted(available[AssignmentKind.RANKING].get(campaign.pk, 0)),
                demonstrations=_as_counted(available[AssignmentKind.DEMONSTRATION].get(campaign.pk, 0)),
                own_writing=campaign.own_writing(),
            )
            for campaign in Campaign.objects.filter(state=CampaignState.ACTIVE, languages__overlap=labeler.languages)
        ],
        begun=begun_by(labeler),
    )


def _as_counted(number: int) -> str:
    """ "100+" where counting stopped."""
    return f"{number}+" if number >= COUNTED_AT_MOST else str(number)


def _unfinished(labeler: Labeler) -> list[Unfinished]:
    assignments = (
        Assignment.objects.filter(
            Q(state=AssignmentState.OPEN) | Q(state=AssignmentState.LAPSED, draft_version__gt=0), labeler=labeler
        )
        .exclude(campaign__state=CampaignState.CLOSED)
        .select_related("campaign", "prompt")
        .order_by("-id")[:UNFINISHED_SHOWN]
    )
    return [
        Unfinished(
            token=str(assignment.token),
            kind=assignment.kind,
            campaign=assignment.campaign.name,
            excerpt=assignment.prompt.last_user_text(),
            language=assignment.prompt.language,
            lapsed=assignment.state == AssignmentState.LAPSED,
            saved_at=assignment.draft_saved_at,
        )
        for assignment in assignments
    ]


def _done_today(labeler: Labeler) -> dict[str, int]:
    begin = beginning_of_today(labeler)
    done = Assignment.objects.filter(
        labeler=labeler,
        state=AssignmentState.SUBMITTED,
        closed_at__gte=begin,
        closed_at__lt=begin + timedelta(days=1),
    )
    return dict(done.order_by().values_list("kind").annotate(count=Count("pk")))


def done_today(labeler: Labeler, kind: str) -> int:
    """How many pieces of that kind the labeler handed in since midnight."""
    begin = beginning_of_today(labeler)
    with connection.cursor() as cursor:  # asked after each submission
        cursor.execute(DONE_TODAY, [labeler.pk, begin, begin + timedelta(days=1), kind])
        count: int = cursor.fetchone()[0]
    return count
