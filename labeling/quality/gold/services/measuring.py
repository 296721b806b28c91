"""What labelers did with checks: measured once, by the answer that was in force when they handed in."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.base.states import CampaignStage, CheckKind
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check, GoldItem, GoldVersion
from labeling.quality.gold.rules import Flagged, Ranks, measure, ordered_pairs, ranks_of
from labeling.ranking_tasks.models import Completion, RankingTask

AT_ONCE = 500


def measure_handed_in() -> int:
    """Measures every check that was handed in and not measured yet. Returns how many."""
    measured = 0
    for ranking in unmeasured()[:AT_ONCE]:
        measured += measure_ranking(ranking) is not None
    return measured


def unmeasured() -> QuerySet[Ranking]:
    """First submissions of copies, and of gold items of screening and practice, without a result; the oldest first."""
    of_check = Check.objects.filter(task=OuterRef("task"), labeler=OuterRef("labeler"))
    planned = of_check.filter(ranking=None)
    own_items = Q(task__gold_item__isnull=False, submitted_at__gte=_first_version(OuterRef("task"))) & ~Q(
        task__campaign__stage=CampaignStage.WORK
    )
    return (
        Ranking.objects.first_submissions()
        .filter(Q(Exists(planned)) | own_items & ~Exists(of_check))
        .select_related("task__campaign", "labeler")
        .order_by("submitted_at", "pk")
    )


def measure_for(*, labeler: Labeler, task: RankingTask) -> Check | None:
    """The labeler's check by that task, measured if it is handed in; None where the task is no check of theirs."""
    found = Check.objects.filter(labeler=labeler, task=task).first()
    if found is not None and found.ranking_id is not None:
        return found
    ranking = unmeasured().filter(labeler=labeler, task=task).first()
    return found if ranking is None else measure_ranking(ranking)


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
    measured = measure(
        answer=ranks_of(version.answer["tiers"]),
        must_hold=[(better, worse) for better, worse in version.must_hold],
        ranks=ranks,
        right_flags={int(completion): keys for completion, keys in version.answer["flags"].items()},
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


def _first_version(task: OuterRef) -> QuerySet[GoldVersion]:
    return GoldVersion.objects.filter(item__task=task, version=1).values("made_at")
