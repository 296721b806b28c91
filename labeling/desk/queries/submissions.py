"""What was handed in, revision by revision, of whichever kind of work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from django.db import models
from django.db.models import QuerySet

from labeling.base.messages import Turn, turns_of
from labeling.base.states import RevisionState
from labeling.desk.models import Assignment, Revision

Row = TypeVar("Row", bound=models.Model)


class Label(Protocol):
    """A ranking or a demonstration: a revision is a further row, and the last one counts."""

    @property
    def revision(self) -> int: ...
    @property
    def submitted_at(self) -> datetime: ...
    @property
    def active_seconds(self) -> float | None: ...
    @property
    def fixed_by_id(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True)
class EarlierRevision:
    number: int
    submitted_at: datetime


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One revision of a submission; `others` are all its revisions but this one, the last first.

    `fixed`: a reviewer wrote this revision in the labeler's place.
    """

    token: str
    kind: str
    campaign: str
    language: str
    turns: list[Turn]
    submitted_at: datetime
    active_seconds: float | None
    revision: int
    others: list[EarlierRevision]
    is_last: bool
    fixed: bool


def label_of(labels: QuerySet[Row], revision: int | None) -> Row:
    """Returns the given revision of an assignment's label, or the last one. Raises the label's DoesNotExist."""
    return labels.latest("revision") if revision is None else labels.get(revision=revision)


def submission_of(assignment: Assignment, label: Label, labels: QuerySet[Row]) -> Submission:
    """`label` is one of the assignment's `labels`."""
    revisions = [
        EarlierRevision(number=number, submitted_at=at)
        for number, at in labels.order_by("-revision").values_list("revision", "submitted_at")
    ]
    return Submission(
        token=str(assignment.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        language=assignment.prompt.language,
        turns=turns_of(assignment.prompt.messages),
        submitted_at=label.submitted_at,
        active_seconds=label.active_seconds,
        revision=label.revision,
        others=[each for each in revisions if each.number != label.revision],
        is_last=label.revision == revisions[0].number,
        fixed=label.fixed_by_id is not None,
    )


def begun_revision(assignment: Assignment) -> Revision | None:
    """Returns the open revision, or None."""
    return assignment.revisions.filter(state=RevisionState.OPEN).first()
