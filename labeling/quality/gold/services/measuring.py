"""What labelers did with checks: measured once, by the answer that was in force when they handed in."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from labeling.base.states import CampaignStage, CheckKind
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check, GoldItem, GoldVersion
from labeling.quality.gold.rules import Flagged, Ranks, measure, ordered_pairs, ranks_of
from labeling.ranking_tasks.models.completions import Completion

AT_ONCE = 500


def measure_handed_in() -> int:
    """Measures checks that were handed in and not measured yet, the oldest first. Returns how many."""
    return sum(measure_ranking(ranking) is not None for ranking in _unmeasured())


def measure_for(*, labeler: Labeler, task_id: int | None) -> Check | None:
    """The labeler's check by that task, measured if it is handed in; None where the task is no check of theirs."""
    found = Check.objects.filter(labeler=labeler, task=task_id).first()
    if found is not None and found.ranking_id is not None:
        return found
    ranking = next(iter(_unmeasured(labeler=labeler, task=task_id)), None)
    return found if ranking is None else measure_ranking(ranking)


def _unmeasured(**of: object) -> list[Ranking]:
    """First submissions without a result: of planned checks, and of gold items of screening and practice.

    Both begin with the few checks or items, and not with the many rankings.
    """
    of_check = Check.objects.filter(task=OuterRef("task"), labeler=OuterRef("labeler"))
    submitted = Ranking.objects.first_submissions().filter(**of).select_related("task__campaign", "labeler")
    planned = submitted.filter(
        Exists(of_check.filter(ranking=None)), task__in=Check.objects.filter(ranking=None).values("task")
    )
    own_items = submitted.filter(
        ~Exists(of_check),
        task__in=GoldItem.objects.exclude(task__campaign__stage=CampaignStage.WORK).values("task"),
        submitted_at__gte=GoldVersion.objects.filter(item__task=OuterRef("task"), version=1).values("made_at"),
    )
    return [ranking for rows in (planned, own_items) for ranking in rows.order_by("submitted_at", "pk")[:AT_ONCE]]


@transaction.atomic
def measure_ranking(ranking: Ranking) -> Check | None:
    """Writes what the ranking of a check came to. None: somebody else did at this moment, or it is no check."""
    check = (
        Check.objects.select_for_update(of=("self",)).filter(task=ranking.task_id, labeler=ranking.labeler_id).first()
    )
    if check is None:
        item = GoldItem.objects.filter(task=ranking.task_id).first()
        if item is None:
            return None
        check, _made = Check.objects.get_or_create(
            task=ranking.task, labeler=ranking.labeler, defaults={"kind": CheckKind.GOLD, "item": item}
        )
    if check.ranking_id is not None:
        return check
    if check.kind == CheckKind.GOLD:
        _measure_gold(check, ranking)
    else:
        _measure_repeat(check, ranking)
    check.ranking, check.measured_at = ranking, timezone.now()
    check.save()
    return check


def _measure_gold(check: Check, ranking: Ranking) -> None:
    assert check.item is not None  # a CHECK constraint
    version = _in_force(check.item, ranking)
    ranks, flags = said_of(ranking, shown_in=check.item.task_id)
    asked = set(ranking.rubric_version.flag_keys())  # no labeler could set a flag of another version of the rubric
    measured = measure(
        answer=ranks_of(version.answer["tiers"]),
        must_hold=[(better, worse) for better, worse in version.must_hold],
        ranks=ranks,
        right_flags={int(completion): asked & set(keys) for completion, keys in version.answer["flags"].items()},
        flags=flags,
    )
    check.version, check.passed = version, measured.passed
    check.pairs, check.pairs_held = measured.pairs, measured.pairs_held
    check.flags, check.flags_agreed = measured.flags, measured.flags_agreed


def _measure_repeat(check: Check, ranking: Ranking) -> None:
    """Of the pairs that had an order then: how many have the same now."""
    assert check.earlier is not None  # a CHECK constraint
    then, flags_then = said_of(check.earlier, shown_in=check.earlier.task_id)
    now, flags_now = said_of(ranking, shown_in=check.earlier.task_id)
    measured = measure(answer=then, must_hold=(), ranks=now, right_flags=flags_then, flags=flags_now)
    check.pairs, check.pairs_held = len(ordered_pairs(then)), measured.pairs_held
    check.flags, check.flags_agreed = measured.flags, measured.flags_agreed


def said_of(ranking: Ranking, *, shown_in: int) -> tuple[Ranks, Flagged]:
    """What a ranking says, by the completions of the task `shown_in`, of which the ranking's own may be a copy."""
    original = dict(Completion.objects.filter(task=shown_in).values_list("text_key", "pk"))
    said = list(ranking.ranked_completions.values_list("completion__text_key", "rank", "flags"))
    return (
        {original[key]: rank for key, rank, _flags in said},
        {original[key]: flags for key, _rank, flags in said if flags},
    )


def _in_force(item: GoldItem, ranking: Ranking) -> GoldVersion:
    """The version that was the last one when the ranking was handed in; the first one for what is older."""
    by_then = item.versions.filter(made_at__lte=ranking.submitted_at).order_by("-version").first()
    return by_then or item.versions.order_by("version")[0]
