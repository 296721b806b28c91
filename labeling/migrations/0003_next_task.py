"""The next piece of work of a labeler: found, locked, taken and leased in one call, whose cost is that of one task.

Work waits in queues (labeling/campaigns/models/queues.py). Triggers give a task or prompt its place: the next number of
a sequence, drawn whenever the row becomes claimable. So what waits in a queue up to some place only ever gets less, and
how far a labeler has come (QueueProgress) stays true. docs/decisions/the-next-task.md says what was weighed.

labeling/desk/services/next_task.py calls it. The rule itself is `claimable_by` of Prompt and RankingTask;
tests/labeling/desk/test_queues.py holds one to the other.
"""

from dataclasses import dataclass

from django.db import migrations


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of work. `claimable`, `met_by`, `content_warnings` and `skills` are SQL about a row named `work`."""

    name: str
    noun: str
    table: str
    claimable: str
    content_warnings: str
    skills: str
    met_by: str
    not_written: str
    """SQL: whether the claimant has not written some of it themselves."""
    waited_before: str
    """SQL for a trigger: whether the row that becomes claimable was so before, and so is handed out first."""
    moves: str
    """SQL for a trigger: whether a row that waits belongs into another queue from now on."""


RANKING = Kind(
    name="ranking",
    noun="task",
    table="labeling_rankingtask",
    claimable=(
        "work.state = 'ready' AND work.rankings_needed > work.rankings_open + work.rankings_done "
        "AND work.reserved_for_id IS NULL"
    ),
    content_warnings="(SELECT content_warnings FROM labeling_prompt WHERE id = work.prompt_id)",
    skills="(SELECT required_skills FROM labeling_prompt WHERE id = work.prompt_id)",
    met_by="met.kind = 'ranking' AND met.task_id = work.id",
    not_written="work.written_by_id IS DISTINCT FROM claimant.id",
    waited_before="OLD.ready_at IS NOT NULL",
    moves="false",  # its prompt tells it
)
DEMONSTRATION = Kind(
    name="demonstration",
    noun="prompt",
    table="labeling_prompt",
    claimable=(
        "work.set_aside_reason = '' AND work.demonstrations_needed > work.demonstrations_open + work.demonstrations_done"
    ),
    content_warnings="work.content_warnings",
    skills="work.required_skills",
    met_by="met.kind = 'demonstration' AND met.prompt_id = work.id",
    not_written="true",
    waited_before="true",
    moves="(OLD.content_warnings, OLD.required_skills) IS DISTINCT FROM (NEW.content_warnings, NEW.required_skills)",
)
# Who draws a place holds this advisory lock, shared, until it commits. Its second key is the campaign.
DRAWING = 730_190_003
# WORKS_IN of labeling/base/states/people.py: nobody is given work of a stage that is not theirs, and there are no
# campaigns of the other states.
STAGE_OF_CLAIMANT = "CASE claimant.state WHEN 'active' THEN 'work' ELSE claimant.state END"
# Places between two records of a labeler's progress: the record costs about as much as reading so many.
RECORDED_EVERY = 64
# So long a claim looks again while all that waits is locked by others; then it raises lock_not_available. Locks are held
# for milliseconds, and for as long as a web server's threads wait for their turn where the machine is short of them.
LOOKED_AGAIN_FOR = "3 seconds"

PLACES = "CREATE SEQUENCE labeling_queue_place;"

# The advisory lock comes before the number, and both before the row is there (advance_progress needs it so).
QUEUE_OF = f"""
CREATE FUNCTION concord_queue_of(
    of_campaign bigint, of_kind text, of_language text, warnings varchar[], asked varchar[], is_returned boolean
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    queue_id bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({DRAWING}, (of_campaign % 2147483647)::integer);
    SELECT id INTO queue_id FROM labeling_workqueue
    WHERE campaign_id = of_campaign AND kind = of_kind AND language = of_language
        AND content_warnings = warnings AND skills = asked AND returned = is_returned
    ORDER BY id LIMIT 1;
    IF queue_id IS NULL THEN
        INSERT INTO labeling_workqueue (campaign_id, kind, language, content_warnings, skills, returned)
        VALUES (of_campaign, of_kind, of_language, warnings, asked, is_returned) RETURNING id INTO queue_id;
    END IF;
    RETURN queue_id;
END $$;
"""


def row(sql: str, name: str) -> str:
    """The SQL about `work`, said of the row of that name."""
    return sql.replace("work.", f"{name}.")


def draws_its_place(kind: Kind) -> str:
    """A row that becomes claimable draws the next place. So does one whose columns were written by anybody else."""
    new, old = row(kind.claimable, "NEW"), row(kind.claimable, "OLD")
    return f"""
CREATE FUNCTION concord_queue_{kind.noun}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.queue_id := concord_queue_of(
        NEW.campaign_id, '{kind.name}', NEW.language, {row(kind.content_warnings, "NEW")},
        {row(kind.skills, "NEW")}, CASE WHEN TG_OP = 'UPDATE' THEN {kind.waited_before} ELSE false END
    );
    NEW.queue_place := nextval('labeling_queue_place');
    RETURN NEW;
END $$;
CREATE TRIGGER concord_is_queued BEFORE INSERT ON {kind.table}
    FOR EACH ROW WHEN ({new}) EXECUTE FUNCTION concord_queue_{kind.noun}();
CREATE TRIGGER concord_is_queued_again BEFORE UPDATE ON {kind.table}
    FOR EACH ROW WHEN (({new}) AND (
        NOT ({old}) OR {kind.moves}
        OR OLD.queue_id IS DISTINCT FROM NEW.queue_id OR OLD.queue_place IS DISTINCT FROM NEW.queue_place
    )) EXECUTE FUNCTION concord_queue_{kind.noun}();
"""


# Other warnings or skills, another queue: setting it to NULL has the trigger above draw anew.
TASKS_MOVE = """
CREATE FUNCTION concord_tasks_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_rankingtask SET queue_id = NULL WHERE prompt_id = NEW.id AND state = 'ready';
    RETURN NULL;
END $$;
CREATE TRIGGER concord_tasks_move AFTER UPDATE ON labeling_prompt
    FOR EACH ROW WHEN (
        (OLD.content_warnings, OLD.required_skills) IS DISTINCT FROM (NEW.content_warnings, NEW.required_skills)
    )
    EXECUTE FUNCTION concord_tasks_move();
"""

# Plans that hold for any number of rows: each table is read by the one index that has the order wanted. Statistics
# may be minutes old, and then a plan made for a small table would read a large one.
BY_INDEX_ALONE = """SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = on
    SET enable_hashjoin = off SET enable_mergejoin = off"""


def not_met(kind: Kind) -> str:
    """Work whose lease ran out before anything was entered was not met: it may be offered again."""
    return f"""{kind.not_written} AND NOT EXISTS (
        SELECT FROM labeling_assignment AS met WHERE met.labeler_id = claimant.id AND {kind.met_by}
            AND (met.state <> 'lapsed' OR met.draft_version > 0)
    )"""


def not_minded(kind: Kind) -> str:
    """The queue says it already, but for a task that was made ready in the moment in which its prompt's warnings changed."""
    return f"(cardinality(claimant.opt_outs) = 0 OR NOT {kind.content_warnings} && claimant.opt_outs)"


# What a campaign asks of a labeler, and what they may do in all. Where there are no quotas nothing is counted.
IS_OPEN_TO = """campaign.required_skills <@ claimant.skills
            AND (NOT campaign.held_out_only OR claimant."group" = 'held_out') AND (
                campaign.daily_quota IS NULL AND campaign.weekly_quota IS NULL
                AND claimant.daily_quota IS NULL AND claimant.weekly_quota IS NULL
                OR NOT concord_quota_reached(claimant.id, campaign.id)
            )"""


def done_at_least(quota_of: str, *, campaign: bool) -> str:
    """Whether as much was handed in since the day or the week (from Monday) began where the labeler lives, with what
    they hold, as a quota of `quota_of` takes; of one campaign or of all."""
    in_given, in_begun = (f"AND {row}.campaign_id = of_campaign" if campaign else "" for row in ("given", "begun"))
    return f"""EXISTS (
        SELECT FROM (
            SELECT quota.most, date_trunc(quota.per, now() AT TIME ZONE zone.name) AT TIME ZONE zone.name AS since
            FROM {quota_of} AS quoted
            CROSS JOIN LATERAL (
                VALUES ('day', quoted.daily_quota), ('week', quoted.weekly_quota)
            ) AS quota (per, most)
            CROSS JOIN (
                SELECT coalesce(nullif(time_zone, ''), 'UTC') AS name FROM labeling_labeler WHERE id = of_labeler
            ) AS zone
            WHERE quoted.id = {"of_campaign" if campaign else "of_labeler"} AND quota.most IS NOT NULL
        ) AS quota
        WHERE quota.most <= (
            SELECT count(*) FROM labeling_assignment AS given
            WHERE given.labeler_id = of_labeler {in_given}
                AND (given.state = 'open' OR given.state = 'submitted' AND given.closed_at >= quota.since)
        ) + (
            SELECT count(*) FROM labeling_composition AS begun
            WHERE begun.labeler_id = of_labeler {in_begun}
                AND begun.state = 'submitted' AND begun.closed_at >= quota.since
        )
    )"""


QUOTA_REACHED = f"""
CREATE FUNCTION concord_own_quota_reached(of_labeler bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT {done_at_least("labeling_labeler", campaign=False)}
$$;
CREATE FUNCTION concord_quota_reached(of_labeler bigint, of_campaign bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT {done_at_least("labeling_campaign", campaign=True)} OR concord_own_quota_reached(of_labeler)
$$;
"""


def finds_next(kind: Kind) -> str:
    """Finds and locks the next row; NULL when there is none that the labeler may be given.

    Raises lock_not_available where others hold locks on all that there is: it may be given to this labeler yet. Nobody
    waits for a lock, since whoever holds it may wait for this labeler's row.
    """
    waits = f"{kind.claimable} AND {not_minded(kind)} AND {not_met(kind)}"
    return f"""
CREATE FUNCTION concord_advance_in_{kind.noun}s(claimant labeling_labeler, of_queue bigint, of_campaign bigint, passed_before bigint)
RETURNS void LANGUAGE plpgsql {BY_INDEX_ALONE} AS $$
DECLARE
    drawn bigint := (SELECT last_value FROM labeling_queue_place);
    first_place bigint;
    last_place bigint;
BEGIN
    SELECT work.queue_place INTO last_place FROM {kind.table} AS work
    WHERE work.queue_id = of_queue AND {kind.claimable} ORDER BY work.queue_place DESC LIMIT 1;
    IF last_place IS NULL OR last_place <= passed_before + {RECORDED_EVERY} THEN
        RETURN;
    END IF;
    -- Whoever drew a place up to `drawn` has committed or given up if nobody holds the lock for a moment after; then the
    -- next statement sees all of these. Otherwise this is left for another time.
    IF NOT (
        CASE WHEN pg_try_advisory_lock({DRAWING}, (of_campaign % 2147483647)::integer)
        THEN pg_advisory_unlock({DRAWING}, (of_campaign % 2147483647)::integer) ELSE false END
    ) THEN
        RETURN;
    END IF;
    -- Rows that others have locked count as waiting: they may be let go.
    SELECT work.queue_place INTO first_place FROM {kind.table} AS work
    WHERE work.queue_id = of_queue AND work.queue_place > passed_before AND {waits} ORDER BY work.queue_place LIMIT 1;
    INSERT INTO labeling_queueprogress (labeler_id, queue_id, passed)
    VALUES (claimant.id, of_queue, least(drawn, first_place - 1))
    ON CONFLICT (labeler_id, queue_id) DO UPDATE SET passed = EXCLUDED.passed;
END $$;

CREATE FUNCTION concord_find_next_{kind.noun}(claimant labeling_labeler)
RETURNS bigint LANGUAGE plpgsql {BY_INDEX_ALONE} AS $$
DECLARE
    turn record;
    waiting_in record;
    found_id bigint;
    others_are_taking boolean;
    pause double precision := 0.002;
    given_up_at timestamptz := clock_timestamp() + interval '{LOOKED_AGAIN_FOR}';
BEGIN
    LOOP
        others_are_taking := false;
        -- The campaign that the labeler chose, then open ones by priority. Equal ones take turns: first the one that this labeler was given work from
        -- longest ago. Nobody waits for a row that all share, and every labeler's work is spread evenly. Where a
        -- labeler has worked for neither, chance decides, so that newcomers don't all begin with the oldest.
        FOR turn IN
            SELECT campaign.id FROM labeling_campaign AS campaign
            WHERE campaign.state = 'active' AND campaign.stage = {STAGE_OF_CLAIMANT}
                AND campaign.simulated = claimant.simulated AND EXISTS (
                SELECT FROM labeling_workqueue AS queue
                WHERE queue.campaign_id = campaign.id AND queue.kind = '{kind.name}'
                    AND queue.language = ANY(claimant.languages)
            ) AND {IS_OPEN_TO}
            ORDER BY campaign.id IS DISTINCT FROM claimant.first_campaign_id, campaign.priority DESC, (
                SELECT given.id FROM labeling_assignment AS given
                WHERE given.labeler_id = claimant.id AND given.kind = '{kind.name}' AND given.campaign_id = campaign.id
                ORDER BY given.id DESC LIMIT 1
            ) NULLS FIRST, md5(claimant.id || '/' || campaign.id)
        LOOP
            -- Its queues, by what waits longest in each; those without anything for this labeler are last.
            FOR waiting_in IN
                SELECT queue.id, coalesce(progress.passed, 0) AS passed, waiting.queue_place AS place
                FROM labeling_workqueue AS queue
                LEFT JOIN labeling_queueprogress AS progress
                    ON progress.queue_id = queue.id AND progress.labeler_id = claimant.id
                LEFT JOIN LATERAL (
                    SELECT work.queue_place FROM {kind.table} AS work
                    WHERE work.queue_id = queue.id AND work.queue_place > coalesce(progress.passed, 0) AND {waits}
                    ORDER BY work.queue_place LIMIT 1
                ) AS waiting ON true
                WHERE queue.campaign_id = turn.id AND queue.kind = '{kind.name}'
                    AND queue.language = ANY(claimant.languages) AND queue.skills <@ claimant.skills
                    AND NOT queue.content_warnings && claimant.opt_outs
                ORDER BY waiting.queue_place IS NULL, queue.returned DESC, waiting.queue_place
            LOOP
                IF waiting_in.place IS NULL OR waiting_in.place > waiting_in.passed + {RECORDED_EVERY} THEN
                    PERFORM concord_advance_in_{kind.noun}s(claimant, waiting_in.id, turn.id, waiting_in.passed);
                END IF;
                CONTINUE WHEN waiting_in.place IS NULL;
                SELECT work.id INTO found_id FROM {kind.table} AS work
                WHERE work.queue_id = waiting_in.id AND work.queue_place >= waiting_in.place AND {waits}
                ORDER BY work.queue_place LIMIT 1 FOR NO KEY UPDATE OF work SKIP LOCKED;
                IF found_id IS NOT NULL THEN
                    RETURN found_id;
                END IF;
                others_are_taking := true;
            END LOOP;
        END LOOP;
        IF NOT others_are_taking THEN
            RETURN NULL;
        END IF;
        -- What waits is locked by others. One of its places may still be free when they have committed.
        IF clock_timestamp() >= given_up_at THEN
            RAISE EXCEPTION 'all that waits is locked by others' USING ERRCODE = 'lock_not_available';
        END IF;
        PERFORM pg_sleep(pause);
        pause := least(2 * pause, 0.05);
    END LOOP;
END $$;
"""


# What the labeler's own chat left to be ranked (at most what they left there in RESERVED_FOR, services/tasks.py), and
# the check that they are given next (labeling/quality/gold).
FIND_OWN_TASK = f"""
CREATE FUNCTION concord_find_own_task(claimant labeling_labeler)
RETURNS bigint LANGUAGE sql VOLATILE {BY_INDEX_ALONE} AS $$
    SELECT work.id FROM labeling_rankingtask AS work
    WHERE work.reserved_for_id = claimant.id AND work.state = 'ready'
        AND work.rankings_needed > work.rankings_open + work.rankings_done
        AND work.language = ANY(claimant.languages)
        AND EXISTS (
            SELECT FROM labeling_campaign AS campaign
            WHERE campaign.id = work.campaign_id AND campaign.state = 'active' AND campaign.stage = {STAGE_OF_CLAIMANT}
                AND {IS_OPEN_TO}
        )
        AND {RANKING.skills} <@ claimant.skills
        AND {not_minded(RANKING)} AND {not_met(RANKING)}
    ORDER BY work.id LIMIT 1 FOR NO KEY UPDATE OF work SKIP LOCKED
$$;
"""

# The labeler's row is locked first: two tabs of one person claim one after the other. Each statement sees what was
# committed before it, so that the second tab finds what the first one took.
BEGIN_CLAIM = """
    SELECT * INTO claimant FROM labeling_labeler WHERE id = labeler FOR NO KEY UPDATE;
    IF claimant.state IS NULL OR claimant.state NOT IN ('screening', 'practice', 'active') OR EXISTS (
        SELECT FROM labeling_assignment AS held
        WHERE held.labeler_id = claimant.id AND held.kind = '{kind}' AND held.state = 'open'
    ) THEN
        RETURN;
    END IF;
"""


def is_in_hand(kind: Kind) -> str:
    """Whether another transaction has the labeler's row of that work locked.

    A lease that ran out untouched is taken up again as the same row. Whoever saves a draft to it locks the row before
    the task, so a claim that waited for it could be waited for in turn: it lets go of all with an
    error (object_in_use), and is made anew.
    """
    met = f"""labeling_assignment AS met WHERE met.labeler_id = of_labeler
        AND {kind.met_by.replace("work.id", "of_work")}"""
    return f"""
CREATE FUNCTION concord_{kind.noun}_is_in_hand(of_labeler bigint, of_work bigint)
RETURNS boolean LANGUAGE plpgsql {BY_INDEX_ALONE} AS $$
BEGIN
    PERFORM FROM {met} FOR NO KEY UPDATE SKIP LOCKED;
    RETURN NOT FOUND AND EXISTS (SELECT FROM {met});
END $$;
"""


IS_IN_HAND = """
    IF concord_{noun}_is_in_hand(claimant.id, found_id) THEN
        RAISE EXCEPTION 'another tab has this work in hand' USING ERRCODE = 'object_in_use';
    END IF;
"""
TAKEN_UP_AGAIN = """DO UPDATE SET
        state = 'open', closed_at = NULL, claimed_at = EXCLUDED.claimed_at, expires_at = EXCLUDED.expires_at,
        instruction_version_id = EXCLUDED.instruction_version_id, rubric_version_id = EXCLUDED.rubric_version_id,
        ask_strength = EXCLUDED.ask_strength"""
TAKE_NEXT_TASK = f"""
CREATE FUNCTION concord_take_next_task(labeler bigint, shuffle text, moment timestamptz)
RETURNS SETOF labeling_assignment LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
    claimant labeling_labeler%ROWTYPE;
    found_id bigint;
BEGIN
    {BEGIN_CLAIM.format(kind="ranking")}
    found_id := concord_find_own_task(claimant);
    IF found_id IS NULL THEN
        found_id := concord_find_next_task(claimant);
    END IF;
    {IS_IN_HAND.format(noun="task")}
    RETURN QUERY
    WITH taken AS (
        UPDATE labeling_rankingtask AS task SET rankings_open = task.rankings_open + 1
        WHERE task.id = found_id
        RETURNING task.id, task.prompt_id, task.campaign_id
    )
    INSERT INTO labeling_assignment (
        token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
        shown_order, ask_strength, claimed_at, expires_at, draft, draft_version, skip_reason, skip_note
    )
    SELECT
        gen_random_uuid(), claimant.id, campaign.id, 'ranking', taken.prompt_id, taken.id, 'open',
        (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT id FROM labeling_rubricversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT array_agg(id ORDER BY md5(id || shuffle)) FROM labeling_completion WHERE task_id = taken.id),
        campaign.ask_strength, moment, moment + make_interval(mins => campaign.lease_minutes), '{{}}', 0, '', ''
    FROM taken JOIN labeling_campaign AS campaign ON campaign.id = taken.campaign_id
    ON CONFLICT (task_id, labeler_id) WHERE kind = 'ranking' {TAKEN_UP_AGAIN}
    RETURNING *;
END $$;
"""  # noqa: S608  (put together from constants)
TAKE_NEXT_PROMPT = f"""
CREATE FUNCTION concord_take_next_prompt(labeler bigint, moment timestamptz)
RETURNS SETOF labeling_assignment LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
    claimant labeling_labeler%ROWTYPE;
    found_id bigint;
BEGIN
    {BEGIN_CLAIM.format(kind="demonstration")}
    found_id := concord_find_next_prompt(claimant);
    {IS_IN_HAND.format(noun="prompt")}
    RETURN QUERY
    WITH taken AS (
        UPDATE labeling_prompt AS prompt SET demonstrations_open = prompt.demonstrations_open + 1
        WHERE prompt.id = found_id
        RETURNING prompt.id, prompt.campaign_id
    )
    INSERT INTO labeling_assignment (
        token, labeler_id, campaign_id, kind, prompt_id, state, instruction_version_id,
        shown_order, ask_strength, claimed_at, expires_at, draft, draft_version, skip_reason, skip_note
    )
    SELECT
        gen_random_uuid(), claimant.id, campaign.id, 'demonstration', taken.id, 'open',
        (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        '{{}}', false, moment, moment + make_interval(mins => campaign.lease_minutes), '{{}}', 0, '', ''
    FROM taken JOIN labeling_campaign AS campaign ON campaign.id = taken.campaign_id
    ON CONFLICT (prompt_id, labeler_id) WHERE kind = 'demonstration' {TAKEN_UP_AGAIN}
    RETURNING *;
END $$;
"""  # noqa: S608

CREATE = "".join(
    [
        PLACES,
        QUEUE_OF,
        QUOTA_REACHED,
        *(part(kind) for kind in (RANKING, DEMONSTRATION) for part in (draws_its_place, finds_next, is_in_hand)),
        TASKS_MOVE,
        FIND_OWN_TASK,
        TAKE_NEXT_TASK,
        TAKE_NEXT_PROMPT,
    ]
)
DROP = """
DROP FUNCTION concord_take_next_task, concord_take_next_prompt, concord_find_own_task;
DROP FUNCTION concord_task_is_in_hand, concord_prompt_is_in_hand;
DROP FUNCTION concord_find_next_task, concord_find_next_prompt, concord_advance_in_tasks, concord_advance_in_prompts;
DROP TRIGGER concord_is_queued ON labeling_rankingtask;
DROP TRIGGER concord_is_queued_again ON labeling_rankingtask;
DROP TRIGGER concord_is_queued ON labeling_prompt;
DROP TRIGGER concord_is_queued_again ON labeling_prompt;
DROP TRIGGER concord_tasks_move ON labeling_prompt;
DROP FUNCTION concord_queue_task, concord_queue_prompt, concord_tasks_move, concord_queue_of, concord_quota_reached;
DROP FUNCTION concord_own_quota_reached;
DROP SEQUENCE labeling_queue_place;
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0002_truth_is_append_only")]

    operations = [migrations.RunSQL(CREATE, reverse_sql=DROP)]
