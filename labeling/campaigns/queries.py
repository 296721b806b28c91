"""What labelers of a campaign are told now.

Versions of instructions and rubrics. Their rows never change (a trigger refuses), so each process reads one once.

How much waits in queues.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, Func, IntegerField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from labeling.base.language import in_language
from labeling.base.markdown import render_markdown
from labeling.base.states import CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.queues import QueueProgress, WorkQueue, for_group_of, quota_reached
from labeling.campaigns.models.versions import InstructionAcknowledgement, InstructionVersion, RubricVersion
from labeling.campaigns.rules.text_changes import Change, changed_lines
from labeling.people.models import Labeler


@dataclass(frozen=True, kw_only=True)
class InstructionsPage:
    pk: int
    campaign: str
    version: int
    published_at: datetime
    html: str


def instructions_of(slug: str, *, interface_language: str, drafts_too: bool) -> InstructionsPage:
    """The last published version. Raises InstructionVersion.DoesNotExist, for drafts unless `drafts_too`."""
    versions = InstructionVersion.objects.filter(campaign__slug=slug).select_related("campaign")
    if not drafts_too:
        versions = versions.exclude(campaign__state=CampaignState.DRAFT)
    latest = versions.latest("version")
    campaign: Campaign = latest.campaign
    return InstructionsPage(
        pk=latest.pk,
        campaign=campaign.name,
        version=latest.version,
        published_at=latest.published_at,
        html=render_markdown(in_language(latest.body, interface_language), headings_from=2),
    )


def own_campaigns(labeler: Labeler) -> QuerySet[Campaign]:
    """Campaigns whose instructions the labeler may read: those that could offer them work, or that they worked for."""
    worked = Q(assignments__labeler=labeler) | Q(compositions__labeler=labeler)
    if labeler.works_in is not None:
        offered = Q(languages__overlap=labeler.languages, stage=labeler.works_in)
        worked |= offered & for_group_of(labeler, campaign="")
    mine = Campaign.objects.filter(worked).values("pk")
    return Campaign.objects.filter(pk__in=mine).exclude(state=CampaignState.DRAFT)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A version that the labeler has to read before work. `changes` is what changed since the version `last_read`,
    which is None where none was read.
    """

    page: InstructionsPage
    last_read: int | None
    changes: list[Change]


def has_read(labeler: Labeler, instruction_version_id: int) -> bool:
    """Returns whether the labeler has read the instructions, here or word for word in another campaign. Each process
    asks the database once.

    Saves 1.5 ± 0.7 of 17.9 ms of processor time an operation (docs/architecture.md, Speed).
    """
    key = (labeler.pk, instruction_version_id)
    if key not in _known_as_read:
        same = Q(instruction_version=instruction_version_id) | Q(
            instruction_version__body=instruction_version(instruction_version_id).body
        )
        if not InstructionAcknowledgement.objects.filter(same, labeler=labeler).exists():
            return False
        if len(_known_as_read) >= KNOWN_AT_MOST:
            _known_as_read.clear()
        _known_as_read.add(key)
    return True


_known_as_read: set[tuple[int, int]] = set()
KNOWN_AT_MOST = 10_000


def reading_of(labeler: Labeler, version: InstructionVersion, *, interface_language: str) -> Reading:
    body = in_language(version.body, interface_language)
    last = (
        InstructionVersion.objects.filter(
            campaign=version.campaign_id, version__lt=version.version, acknowledgements__labeler=labeler
        )
        .order_by("-version")
        .first()
    )
    page = InstructionsPage(
        pk=version.pk,
        campaign=version.campaign.name,
        version=version.version,
        published_at=version.published_at,
        html=render_markdown(body, headings_from=2),
    )
    changes = changed_lines(in_language(last.body, interface_language), body) if last else []
    return Reading(page=page, last_read=last.version if last else None, changes=changes)


KEPT = 256
"""Saves four queries and 5.7 ± 1.9 of 16.8 ms of processor time an operation (docs/architecture.md, Speed)."""


@lru_cache(maxsize=KEPT)
def instruction_version(pk: int) -> InstructionVersion:
    return InstructionVersion.objects.get(pk=pk)


@lru_cache(maxsize=KEPT)
def rubric_version(pk: int) -> RubricVersion:
    return RubricVersion.objects.get(pk=pk)


@dataclass(frozen=True, kw_only=True)
class Flag:
    key: str
    label: str
    help: str


def flags_of(rubric: RubricVersion | None, interface_language: str) -> list[Flag]:
    return [
        Flag(
            key=flag["key"],
            label=in_language(flag.get("label", {}), interface_language) or flag["key"],
            help=in_language(flag.get("help", {}), interface_language),
        )
        for flag in (rubric.flags if rubric else [])
    ]


def quota_is_reached(labeler: Labeler, campaign: Campaign) -> bool:
    """Whether the labeler has done as much of the campaign as it takes from one person in a day or a week."""
    return Campaign.objects.filter(quota_reached(labeler, campaign=""), pk=campaign.pk).exists()


def counted_in(
    queues: QuerySet[WorkQueue], waiting: QuerySet[Any], *, at_most: int, passed_by: Labeler | None = None
) -> QuerySet[Any]:
    """The queues, each with `waiting`: how many of these rows wait in it, up to `at_most`.

    `passed_by`: rows that this labeler has passed, and so has met, are not read (QueueProgress).
    """
    passed = QueueProgress.objects.filter(labeler=passed_by, queue=OuterRef("pk")).values("passed")
    rows = waiting.filter(queue=OuterRef("pk"), queue_place__gt=OuterRef("passed"))
    first = ArraySubquery(rows.order_by("queue_place").values("pk")[:at_most])
    return queues.annotate(
        passed=Value(0, BigIntegerField()) if passed_by is None else Coalesce(passed, 0),
        waiting=Func(first, function="cardinality", output_field=IntegerField()),
    ).order_by()
