"""How often a sentinel's first source was preferred to its second, week by week."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import connection
from django.db.models import CharField, F
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.quality.bias.models import Sentinel
from labeling.quality.bias.rules.length_control import Controlled, controlled
from labeling.quality.bias.rules.sentinel import Look, Period, looks
from labeling.ranking_tasks.models.sampling import SamplingRun

# Pairs of a completion of each source that one ranking puts in an order; revisions that count, by people.
PAIRS = """
SELECT date_trunc('week', ranking.submitted_at)::date AS week, one.rank < other.rank AS preferred,
    length(first.text) AS first_length, length(second.text) AS second_length
FROM labeling_ranking AS ranking
JOIN labeling_rankingtask AS task ON task.id = ranking.task_id AND task.copy_of_id IS NULL
JOIN labeling_campaign AS campaign ON campaign.id = task.campaign_id AND campaign.stage = 'work'
JOIN labeling_rankedcompletion AS one ON one.ranking_id = ranking.id
JOIN labeling_completion AS first ON first.id = one.completion_id
JOIN labeling_samplingrun AS first_run ON first_run.id = first.run_id
LEFT JOIN labeling_modelversion AS first_model ON first_model.id = first_run.model_version_id
JOIN labeling_rankedcompletion AS other ON other.ranking_id = ranking.id AND other.rank <> one.rank
JOIN labeling_completion AS second ON second.id = other.completion_id
JOIN labeling_samplingrun AS second_run ON second_run.id = second.run_id
LEFT JOIN labeling_modelversion AS second_model ON second_model.id = second_run.model_version_id
WHERE NOT ranking.simulated
    AND coalesce(first_model.name, first_run.imported_model_name) = %(first)s
    AND coalesce(second_model.name, second_run.imported_model_name) = %(second)s
    AND (%(campaign)s::bigint IS NULL OR task.campaign_id = %(campaign)s)
    AND NOT EXISTS (
        SELECT FROM labeling_ranking AS later
        WHERE later.task_id = ranking.task_id AND later.labeler_id = ranking.labeler_id
            AND later.revision > ranking.revision
    )
"""
SHOWN = "SELECT preferred, first_length, second_length"
BY_WEEK = f"SELECT week, count(*) FILTER (WHERE preferred), count(*) FROM ({PAIRS}) AS pairs GROUP BY 1 ORDER BY 1"  # noqa: S608
LAST_PAIRS = 5000
"""From which the rate at equal lengths is read."""


def weeks_of(sentinel: Sentinel) -> list[Look]:
    """Each week with pairs, held against all before it."""
    with connection.cursor() as cursor:
        cursor.execute(BY_WEEK, _parameters(sentinel))
        weeks: list[tuple[date, int, int]] = cursor.fetchall()
    now = this_week()
    return looks(
        [Period(name=str(week), preferred=preferred, pairs=pairs, whole=week < now) for week, preferred, pairs in weeks]
    )


def this_week() -> date:
    """The Monday on which the week began that is not over, as PostgreSQL counts weeks (in UTC)."""
    today = timezone.now().date()
    return today - timedelta(days=today.weekday())


def alarm_of(weeks: Sequence[Look]) -> Look | None:
    """The look at the last whole week, where that is an alarm; None for weeks further back, which were told of."""
    last = str(this_week() - timedelta(days=7))
    return next((look for look in weeks if look.period.name == last and look.is_alarm), None)


def at_equal_length(sentinel: Sentinel) -> Controlled | None:
    """The rate once the completions' lengths are taken out of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{SHOWN} FROM ({PAIRS}) AS pairs ORDER BY week DESC LIMIT {LAST_PAIRS}",
            _parameters(sentinel),
        )
        return controlled(cursor.fetchall())


def sources() -> list[tuple[str, str]]:
    """The names of the models whose completions there are, for a choice."""
    named = SamplingRun.objects.annotate(
        source=Coalesce(F("model_version__name"), F("imported_model_name"), output_field=CharField())
    )
    return [(name, name) for name in named.order_by("source").values_list("source", flat=True).distinct()]


def alarms() -> list[tuple[Sentinel, Look]]:
    """The sentinels whose last whole week differs from those before it."""
    last = ((sentinel, alarm_of(weeks_of(sentinel))) for sentinel in Sentinel.objects.all())
    return [(sentinel, look) for sentinel, look in last if look is not None]


def _parameters(sentinel: Sentinel) -> dict[str, str | int | None]:
    return {"first": sentinel.first_source, "second": sentinel.second_source, "campaign": sentinel.campaign_id}
