"""The control room over 100,000 and 1,000,000 rankings by 200 labelers.

    python -m benchmarks.control_room [--quick] [--only 100,000]

The admin's front page as the server makes it, from the request to the last byte, on a new database on disk: no browser,
no network. Rows come from generate_series, spread over 200 days, with triggers off (benchmarks/desk/mixes.py does the
same); what beat counts is counted by its own services, whose time stands below. What was loaded when the first pages
were made is kept from the garbage collector, as config/gunicorn.py does for the web. The page must be made in 300 ms at
the 95th percentile, whatever the number of rankings, in a fixed number of queries.
"""

import gc
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.desk.outcome import percentile
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

if TYPE_CHECKING:
    from django.test import Client

SIZES = (100_000, 1_000_000)
QUICK_SIZES = (5_000,)
LABELERS = 200
CAMPAIGNS = 4
DAYS = 200
LIMIT_MS = 300.0
TIMES = 100
WARM_UP = 5

PROMPTS = """
INSERT INTO labeling_prompt (
    campaign_id, submitter_id, messages, dedupe_key, source, use_case, language, content_warnings, set_aside_reason,
    demonstrations_needed, demonstrations_open, demonstrations_done, ranking_tasks_needed, ranking_tasks_made,
    created_at, opening_id, required_skills
)
SELECT (%(campaigns)s::bigint[])[1 + number %% %(many)s], %(submitter)s,
    jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Question ' || number)), md5(number::text),
    'import', 'open_qa', CASE number %% 3 WHEN 0 THEN 'zh' ELSE 'en' END, '{}', '', 1, 0, 1, 1, 1, now(),
    %(opening)s, '{}'
FROM generate_series(1, %(rows)s) AS number
"""
# Nine of ten are done; the others wait.
TASKS = """
INSERT INTO labeling_rankingtask (
    prompt_id, campaign_id, language, state, set_aside_reason, k_requested, k, given, shared, rankings_needed,
    rankings_open, rankings_done, created_at, ready_at, queue_id, queue_place
)
SELECT prompt.id, prompt.campaign_id, prompt.language, CASE prompt.id %% 10 WHEN 0 THEN 'ready' ELSE 'done' END,
    '', 4, 4, true, false, 1, 0,
    CASE prompt.id %% 10 WHEN 0 THEN 0 ELSE 1 END, now(), now(), CASE prompt.id %% 10 WHEN 0 THEN queue.id END,
    nextval('labeling_queue_place')
FROM labeling_prompt AS prompt
JOIN labeling_workqueue AS queue USING (campaign_id, language)
WHERE queue.kind = 'ranking'
"""
ASSIGNMENTS = """
INSERT INTO labeling_assignment (
    token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
    shown_order, claimed_at, expires_at, closed_at, draft, draft_version, skip_reason, skip_note
)
SELECT gen_random_uuid(), (%(labelers)s::bigint[])[1 + task.id %% cardinality(%(labelers)s::bigint[])], campaign_id,
    'ranking', prompt_id, task.id, 'submitted', instructions.id, rubric.id, '{}', now(), now(), now(), '{}', 0, '', ''
FROM labeling_rankingtask AS task
JOIN labeling_instructionversion AS instructions USING (campaign_id)
JOIN labeling_rubricversion AS rubric USING (campaign_id)
"""
QUEUE = "SELECT concord_queue_of(%(campaign)s, 'ranking', %(language)s, '{}'::varchar[], '{}', false)"
RANKINGS = """
INSERT INTO labeling_ranking (
    task_id, labeler_id, assignment_id, revision, instruction_version_id, rubric_version_id, note, none_acceptable,
    active_seconds, labeler_group, simulated, submitted_at
)
SELECT task_id, labeler_id, id, 1, instruction_version_id, rubric_version_id, '', false, 60 + id %% 120, 'training',
    false, now() - interval '1 day' * (%(days)s * random())
FROM labeling_assignment
"""


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  (a benchmark's first argument)
    measures: list[Measure] = []
    with scratch_concord():
        from django.core.management import call_command  # noqa: PLC0415  (needs Django set up)

        call_command("collectstatic", interactive=False, verbosity=0)
        for rankings in QUICK_SIZES if quick else SIZES:
            if only in f"{rankings:,} rankings":
                measures += _measured(rankings)
    return measures


def _measured(rankings: int) -> list[Measure]:
    from labeling.console.services import count_days, count_figures  # noqa: PLC0415  (needs Django set up)

    browser = _set_up(rankings)
    days, figures = _seconds(count_days), _seconds(count_figures)
    _execute("VACUUM (ANALYZE)", {})  # what autovacuum does within a minute
    for _ in range(WARM_UP):
        _look(browser)
    gc.collect()
    gc.freeze()
    took = [1000 * _seconds(lambda: _look(browser)) for _ in range(TIMES)]
    size = f"{rankings:,} rankings"
    return [
        *(
            Measure(
                name=f"front page, p{percent}, {size}", value=percentile(took, percent), unit="ms", better="less",
                limit=LIMIT_MS,
            )
            for percent in (50, 95)
        ),
        Measure(name=f"queries of it, {size}", value=float(_queries(browser)), unit="queries", better="less"),
        Measure(name=f"beat counts all days that are over, {size}", value=days, unit="s", better="less"),
        Measure(name=f"beat counts what stands, {size}", value=figures, unit="s", better="less"),
    ]  # fmt: skip


def _look(browser: "Client") -> None:
    page = browser.get("/admin/")
    if page.status_code != 200 or b"cc-pipeline" not in page.content:
        raise ValueError(f"The front page answered {page.status_code} without its numbers.")


def _queries(browser: "Client") -> int:
    from django.db import connection  # noqa: PLC0415  (needs Django set up)
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    with CaptureQueriesContext(connection) as asked:
        _look(browser)
    return len(asked)


def _seconds(work: Any) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def _set_up(rankings: int) -> "Client":
    """An empty database with so many rankings, a tenth as many tasks that wait, and an admin's browser."""
    from django.contrib.auth.models import User  # noqa: PLC0415  (needs Django set up)
    from django.test import Client  # noqa: PLC0415

    from labeling.base.states import CampaignState, LabelerState  # noqa: PLC0415
    from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign  # noqa: PLC0415
    from labeling.campaigns.services.starter import starter_flags, starter_instructions  # noqa: PLC0415
    from labeling.models import DailyWork, KeptFigure, PromptOpening, Submitter  # noqa: PLC0415
    from labeling.people.services import create_labeler  # noqa: PLC0415

    _execute("TRUNCATE labeling_campaign, labeling_labeler, labeling_submitter, auth_user CASCADE", {})
    for table in (DailyWork, KeptFigure):
        table.objects.all().delete()
    campaigns = []
    for number in range(CAMPAIGNS):
        campaign = create_campaign(
            slug=f"campaign-{number}",
            name=f"Campaign {number}",
            languages=["en", "zh"],
            instructions=starter_instructions(),
            flags=starter_flags(),
        )
        change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
        campaigns.append(campaign.pk)
    labelers = [
        create_labeler(
            username=f"labeler {number}", password=None, languages=["en", "zh"], state=LabelerState.ACTIVE
        ).pk
        for number in range(LABELERS)
    ]
    values = {
        "campaigns": campaigns,
        "many": CAMPAIGNS,
        "labelers": labelers,
        "days": DAYS,
        "rows": rankings * 10 // 9,
        "submitter": Submitter.objects.create(name="benchmark", split="train").pk,
        "opening": PromptOpening.objects.get_or_create(key="benchmark", defaults={"split": "train"})[0].pk,
    }
    for campaign_id in campaigns:
        for language in ("en", "zh"):
            _execute(QUEUE, {"campaign": campaign_id, "language": language})
    for statement in (PROMPTS, TASKS, ASSIGNMENTS + "WHERE task.state = 'done'", RANKINGS):
        _fill(statement, values)
    olga = User.objects.create_superuser("olga")
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(olga)
    return browser


def _fill(statement: str, values: dict[str, Any]) -> None:
    from django.db import connection, transaction  # noqa: PLC0415  (needs Django set up)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def _execute(statement: str, values: dict[str, Any]) -> None:
    from django.db import connection  # noqa: PLC0415  (needs Django set up)

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


if __name__ == "__main__":
    run(main)
