"""A table full of work, most of it in a labeler's way: what lies in front of what they are given, and how much of it.

Rows come from generate_series, a million in a minute. Triggers are off meanwhile: foreign keys are not checked, and
each row is put into the queue and at the place where the triggers of migration 0003 would have put it
(tests/test_benchmarks.py). Imports models, so it is imported only where Django is set up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.db import connection, transaction

from labeling.base.states import CampaignState, LabelerState
from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign
from labeling.campaigns.services.starter import starter_flags, starter_instructions
from labeling.models import Campaign, Labeler, PromptOpening
from labeling.people.services import create_labeler

K = 4
MINDED = "violence"


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What is in the labeler's way. Where nothing is (`in_front` false), all of it is theirs, and waits behind.

    own_campaign: in the campaign that they work for, otherwise in one of its own, in `state`.
    """

    name: str
    in_front: bool = True
    own_campaign: bool = True
    state: CampaignState = CampaignState.ACTIVE
    language: str = "en"
    content_warnings: tuple[str, ...] = ()
    met: bool = False
    reserved: bool = False
    campaigns: int = 1


MIXES = (
    Mix(name="all theirs", in_front=False),
    Mix(name="closed campaign in front", own_campaign=False, state=CampaignState.CLOSED),
    Mix(name="paused campaign in front", own_campaign=False, state=CampaignState.PAUSED),
    Mix(name="other language in front", language="zh"),
    Mix(name="opted-out content in front", content_warnings=(MINDED,)),
    Mix(name="met by this labeler in front", met=True),
    Mix(name="reserved for another in front", reserved=True),
    Mix(name="100 campaigns of equal priority", in_front=False, campaigns=100),
)

PROMPTS = """
INSERT INTO labeling_prompt (
    campaign_id, submitter_id, messages, dedupe_key, source, use_case, language, content_warnings,
    required_skills, set_aside_reason,
    demonstrations_needed, demonstrations_open, demonstrations_done, ranking_tasks_needed, ranking_tasks_made,
    created_at, queue_id, queue_place, opening_id
)
SELECT
    (%(campaigns)s::bigint[])[1 + number %% %(many)s], %(submitter)s,
    jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Question ' || number || ': why is the sky blue?')),
    md5(%(label)s || number), 'import', 'open_qa', %(language)s, %(content_warnings)s::varchar[], '{}', '',
    %(needed)s, 0, 0, 1, 1, now(), (%(prompt_queues)s::bigint[])[1 + number %% %(many)s],
    nextval('labeling_queue_place'), %(opening)s
FROM generate_series(0, %(rows)s - 1) AS number
"""
TASKS = """
INSERT INTO labeling_rankingtask (
    prompt_id, campaign_id, language, state, set_aside_reason, k_requested, k, given, reserved_for_id,
    shared, rankings_needed, rankings_open, rankings_done, created_at, ready_at, queue_id, queue_place
)
SELECT prompt.id, campaign_id, prompt.language, 'ready', '', %(k)s, %(k)s, true, %(reserved_for)s, false,
    %(needed)s, 0, 0, now(), now(),
    CASE WHEN %(reserved_for)s IS NULL THEN queue.id END, nextval('labeling_queue_place')
FROM labeling_prompt AS prompt
JOIN labeling_workqueue AS queue USING (campaign_id)
WHERE prompt.id > %(after)s AND queue.id = ANY(%(task_queues)s)
ORDER BY prompt.id
"""
COMPLETIONS = """
WITH run AS (
    INSERT INTO labeling_samplingrun (
        task_id, imported_model_name, requested, state, error, failure, worker, duplicates_dropped, best_of, started_at,
        finished_at
    )
    SELECT id, 'given', %(k)s, 'done', '', '', '', 0, 1, now(), now()
    FROM labeling_rankingtask WHERE prompt_id > %(after)s
    RETURNING id, task_id
)
INSERT INTO labeling_completion (task_id, run_id, text, text_key, finish_reason)
SELECT run.task_id, run.id, 'Answer number ' || number || ' to it.', md5(number::text), 'imported'
FROM run, generate_series(1, %(k)s) AS number
"""
SKIPPED = """
INSERT INTO labeling_assignment (
    token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
    shown_order, claimed_at, expires_at, closed_at, draft, draft_version, skip_reason, skip_note
)
SELECT gen_random_uuid(), %(labeler)s, work.campaign_id, kind, work.prompt_id, work.task_id, 'skipped', instructions.id,
    CASE kind WHEN 'ranking' THEN rubric.id END, '{}', now(), now(), now(), '{}', 0, 'unclear', ''
FROM (
    SELECT 'ranking' AS kind, campaign_id, prompt_id, id AS task_id FROM labeling_rankingtask
    UNION ALL SELECT 'demonstration', campaign_id, id, NULL FROM labeling_prompt
) AS work
JOIN labeling_instructionversion AS instructions USING (campaign_id)
JOIN labeling_rubricversion AS rubric USING (campaign_id)
"""

_numbers = count(1)


def set_up(mix: Mix, *, tasks: int, theirs: int) -> Labeler:
    """An empty database with `tasks` prompts that have a ranking task each; returns the labeler of the mix.

    They can be given `theirs` of them, which have completions, and no others before these.
    """
    _empty()
    campaigns = [_campaign() for _ in range(mix.campaigns)]
    theirs = -(-theirs // mix.campaigns) * mix.campaigns  # as many in each, for each has its turn
    labeler = _labeler(opt_outs=[MINDED])
    other = _labeler(opt_outs=[])
    crowd = campaigns if mix.own_campaign else [_campaign()]
    if mix.in_front:
        _work(mix, campaigns=crowd, rows=tasks - theirs, label="in front", reserved_for=other if mix.reserved else None)
        if mix.met:
            _execute(SKIPPED, {"labeler": labeler.pk})
    _completions(_work(PLAIN, campaigns=campaigns, rows=theirs, label="theirs"))
    if not mix.in_front:
        _work(mix, campaigns=crowd, rows=tasks - theirs, label="behind", reserved_for=None)
    if not mix.own_campaign and mix.state != CampaignState.ACTIVE:
        change_campaign_state(campaign=crowd[0], state=mix.state)
    with connection.cursor() as cursor:  # what autovacuum does within a minute
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    return labeler


PLAIN = Mix(name="nothing in the way")


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE labeling_campaign, labeling_labeler, labeling_submitter, auth_user CASCADE")


def _campaign() -> Campaign:
    number = next(_numbers)
    campaign = create_campaign(
        slug=f"mix-{number}",
        name=f"Mix {number}",
        languages=["en", "zh"],
        shared_percent=0,
        instructions=starter_instructions(),
        flags=starter_flags(),
    )
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    return campaign


def _labeler(*, opt_outs: Sequence[str]) -> Labeler:
    labeler = create_labeler(
        username=f"labeler {next(_numbers)}", password=None, languages=["en"], state=LabelerState.ACTIVE
    )
    labeler.opt_outs = list(opt_outs)
    labeler.save(update_fields=["opt_outs"])
    return labeler


def _work(
    mix: Mix, *, campaigns: Sequence[Campaign], rows: int, label: str, reserved_for: Labeler | None = None
) -> int:
    """Adds so many prompts with a ready task each; returns the highest id that a prompt had before."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO labeling_submitter (name, split, prompt_count) VALUES (%s, 'train', 0)", [label])
        cursor.execute("SELECT lastval(), (SELECT coalesce(max(id), 0) FROM labeling_prompt)")
        submitter, after = cursor.fetchone()
    values = {
        "campaigns": [campaign.pk for campaign in campaigns],
        "many": len(campaigns),
        "submitter": submitter,
        "opening": PromptOpening.objects.get_or_create(key="benchmark", defaults={"split": "train"})[0].pk,
        "rows": rows,
        "label": label,
        "language": mix.language,
        "content_warnings": list(mix.content_warnings),
        "needed": 3 if mix.met else 1,  # those that a labeler met still wait for others
        "reserved_for": reserved_for and reserved_for.pk,
        "after": after,
        "k": K,
        "prompt_queues": [_queue(campaign, "demonstration", mix) for campaign in campaigns],
        "task_queues": [_queue(campaign, "ranking", mix) for campaign in campaigns],
    }
    _execute(PROMPTS, values)
    _execute(TASKS, values)
    return int(after)


def _queue(campaign: Campaign, kind: str, mix: Mix) -> int:
    with connection.cursor() as cursor:
        values: list[Any] = [campaign.pk, kind, mix.language, list(mix.content_warnings)]
        cursor.execute("SELECT concord_queue_of(%s, %s, %s, %s::varchar[], '{}', false)", values)
        return int(cursor.fetchone()[0])


def _completions(after: int) -> None:
    _execute(COMPLETIONS, {"after": after, "k": K})


@transaction.atomic
def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
