"""Rankings handed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.export_lock import while_no_export_looks
from labeling.base.fast_paths.work import write_ranking
from labeling.base.refusals import AlreadySubmitted
from labeling.base.states import AssignmentState, RevisionState
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.desk.ranking.rules.judgements import InvalidRanking, check_covers, check_quality, check_strengths
from labeling.desk.ranking.rules.pairs import densify
from labeling.desk.rules.drafts import Draft, SentDraft
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.desk.services.revisions import REVISIONS
from labeling.people.models import Labeler

WHEN_HANDED_IN: list[Callable[[Ranking], None]] = []
"""What later capabilities do with each ranking that is written, in its transaction (labeling/apps.py)."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a labeler says of the completion at `shown_position` (from 1)."""

    shown_position: int
    rank: int
    quality: int | None = None
    flags: Sequence[str] = field(default_factory=tuple)
    note: str = ""


@transaction.atomic
def submit_ranking(
    *,
    labeler: Labeler,
    token: str,
    judgements: Sequence[Judgement],
    active_seconds: float,
    note: str = "",
    strengths: Sequence[int] | None = None,
    none_acceptable: bool = False,
    sent: SentDraft | None = None,
) -> Ranking:
    """Hands a ranking in, once: a second submission of the same assignment returns the first one's ranking.

    `sent`: what the page sends. Raises InvalidRanking, DraftConflict, LabelerNotActive, CampaignNotOpen, LeaseLost,
    AlreadySkipped, Assignment.DoesNotExist.
    """
    try:
        assignment = ASSIGNMENTS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    except AlreadySubmitted:
        return Ranking.objects.filter(assignment__token=token).latest("revision")
    ranks = check_judgements(assignment, judgements)
    whole = _whole(ranks, note=note, strengths=strengths, none_acceptable=none_acceptable)
    ranking = _write(assignment, judgements, ranks, revision=1, active_seconds=active_seconds, whole=whole)
    ASSIGNMENTS.close(assignment, AssignmentState.SUBMITTED)
    return ranking


@transaction.atomic
def revise_ranking(
    *,
    labeler: Labeler,
    token: str,
    judgements: Sequence[Judgement],
    active_seconds: float,
    note: str = "",
    strengths: Sequence[int] | None = None,
    none_acceptable: bool = False,
    sent: SentDraft | None = None,
) -> Ranking | None:
    """Hands in the open revision `token` as the ranking's next one; the last one counts. None: it changes nothing.

    Raises InvalidRanking, DraftConflict, AlreadySubmitted, AlreadyDiscarded, LabelerNotActive, CampaignNotOpen,
    WorkSetAside, Revision.DoesNotExist.
    """
    revision = REVISIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    assignment = revision.assignment
    ranks = check_judgements(assignment, judgements)
    whole = _whole(ranks, note=note, strengths=strengths, none_acceptable=none_acceptable)
    latest = assignment.rankings.latest("revision")
    if _says_the_same(latest, judgements, ranks, whole):
        REVISIONS.close(revision, RevisionState.KEPT)
        return None
    REVISIONS.close(revision, RevisionState.SUBMITTED)
    return _write(
        assignment, judgements, ranks, revision=latest.revision + 1, active_seconds=active_seconds, whole=whole
    )


@transaction.atomic
def fix_ranking(
    *,
    assignment: Assignment,
    judgements: Sequence[Judgement],
    by: User,
    note: str = "",
    strengths: Sequence[int] | None = None,
    none_acceptable: bool = False,
) -> Ranking | None:
    """Adds a revision that `by` makes in the labeler's place; what the labeler said stays before it. None: it changes
    nothing.

    Raises InvalidRanking.
    """
    while_no_export_looks()
    assignment = ASSIGNMENTS.lock_own(labeler=assignment.labeler, token=str(assignment.token))
    ranks = check_judgements(assignment, judgements)
    whole = _whole(ranks, note=note, strengths=strengths, none_acceptable=none_acceptable)
    latest = assignment.rankings.latest("revision")
    if _says_the_same(latest, judgements, ranks, whole):
        return None
    return _write(
        assignment, judgements, ranks, revision=latest.revision + 1, active_seconds=0.0, whole=whole, fixed_by=by
    )


def _says_the_same(
    latest: Ranking, judgements: Sequence[Judgement], ranks: dict[int, int], whole: dict[str, Any]
) -> bool:
    """Whether the latest revision says all this already. The time that it took is no part of what is said."""
    said = {
        each.shown_position: (each.rank, each.quality, each.flags, each.note)
        for each in latest.ranked_completions.all()
    }
    now = {
        each.shown_position: (ranks[each.shown_position], each.quality, sorted(set(each.flags)), each.note)
        for each in judgements
    }
    return said == now and all(getattr(latest, name) == value for name, value in whole.items())


def check_judgements(assignment: Assignment, judgements: Sequence[Judgement]) -> dict[int, int]:
    """Dense ranks by shown position. Raises InvalidRanking."""
    check_covers(
        expected=range(1, len(assignment.shown_order) + 1), given=[judged.shown_position for judged in judgements]
    )
    assert assignment.rubric_version is not None  # a CHECK constraint: every ranking assignment has its rubric
    known = set(assignment.rubric_version.flag_keys())
    for judged in judgements:
        check_quality(judged.quality)
        if unknown := sorted(set(judged.flags) - known):
            raise InvalidRanking(f"The rubric has no flag {', '.join(unknown)}. Reload the page and set it again.")
        if judged.rank < 1:
            raise InvalidRanking(f"Rank {judged.rank} does not exist; ranks count from 1.")
    return densify({judged.shown_position: judged.rank for judged in judgements})


def _whole(
    ranks: dict[int, int], *, note: str, strengths: Sequence[int] | None, none_acceptable: bool
) -> dict[str, Any]:
    """The fields of the ranking as a whole. Raises InvalidRanking."""
    check_strengths(strengths, ranks=max(ranks.values()))
    return {
        "note": note,
        "strengths": None if strengths is None else list(strengths),
        "none_acceptable": none_acceptable,
    }


def _write(
    assignment: Assignment,
    judgements: Sequence[Judgement],
    ranks: dict[int, int],
    *,
    revision: int,
    active_seconds: float,
    whole: dict[str, Any],
    fixed_by: User | None = None,
) -> Ranking:
    labeler = assignment.labeler
    assert assignment.task_id is not None  # both by a CHECK constraint
    assert assignment.rubric_version_id is not None
    ranking = Ranking(
        task_id=assignment.task_id,
        labeler=labeler,
        assignment=assignment,
        revision=revision,
        instruction_version_id=assignment.instruction_version_id,
        rubric_version_id=assignment.rubric_version_id,
        active_seconds=max(0.0, active_seconds),
        labeler_group=labeler.group,
        simulated=labeler.simulated,
        fixed_by=fixed_by,
        **whole,
    )
    ranked = [
        {
            "completion_id": assignment.shown_order[judged.shown_position - 1],
            "rank": ranks[judged.shown_position],
            "quality": judged.quality,
            "flags": sorted(set(judged.flags)),
            "note": judged.note,
            "shown_position": judged.shown_position,
        }
        for judged in judgements
    ]
    written, ranking.task = write_ranking(ranking, ranked)
    ranking.pk, ranking.submitted_at = written.pk, written.submitted_at
    ranking._state.adding = False  # noqa: SLF001  (Django documents it for rows made by other means)
    for act in WHEN_HANDED_IN:
        act(ranking)
    return ranking


def fields_of_ranking(assignment: Assignment) -> Draft:
    """Returns the latest revision as the fields of the page. The time begins anew: a revision's active seconds are its
    own.
    """
    ranking = assignment.rankings.latest("revision")
    fields: Draft = {"note": [ranking.note]}
    for ranked in ranking.ranked_completions.all():
        fields |= {
            f"{ranked.shown_position}-rank": [str(ranked.rank)],
            f"{ranked.shown_position}-quality": [] if ranked.quality is None else [str(ranked.quality)],
            f"{ranked.shown_position}-flags": list(ranked.flags),
            f"{ranked.shown_position}-note": [ranked.note],
        }
    for step, strength in enumerate(ranking.strengths or [], start=1):
        fields[f"strength-{step}"] = [str(strength)]
    if ranking.none_acceptable:
        fields["none_acceptable"] = ["on"]
    return fields
