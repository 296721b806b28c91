"""The next ranking task of a labeler: found, locked, taken and leased in one call, whose plans PostgreSQL keeps.

labeling/services/next_task.py calls it, and says why it is here. queries/available.py counts by the same conditions;
tests/labeling/home/test_queries.py holds one to the other.
"""

from django.db import migrations

# A ready task with a free place that this labeler has never met and does not mind. The prompt is looked up row by row,
# so that no plan reads the prompts of all tasks.
COULD_BE_TAKEN = """
    task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
    AND task.campaign_id IN (SELECT id FROM labeling_campaign WHERE state = 'active')
    AND task.language = ANY(asking.languages)
    AND (cardinality(asking.opt_outs) = 0 OR NOT (
        SELECT content_warnings && asking.opt_outs FROM labeling_prompt WHERE id = task.prompt_id
    ))
    AND NOT EXISTS (
        SELECT FROM labeling_assignment AS met
        WHERE met.task_id = task.id AND met.labeler_id = asking.id AND met.kind = 'ranking'
    )
"""
# What the labeler's own chat left to be ranked.
OWN = f"""
    SELECT task.id INTO found_id FROM labeling_rankingtask AS task
    WHERE task.reserved_for_id = asking.id AND {COULD_BE_TAKEN}
    ORDER BY task.id LIMIT 1 FOR NO KEY UPDATE OF task SKIP LOCKED
"""
OLDEST = f"""
    SELECT task.id INTO found_id FROM labeling_rankingtask AS task
    WHERE task.reserved_for_id IS NULL AND {COULD_BE_TAKEN}
    ORDER BY task.id LIMIT 1 FOR NO KEY UPDATE OF task SKIP LOCKED
"""
# The labeler's row is locked first: two tabs of one person claim one after the other. Each statement sees what was
# committed before it, so that the second tab finds what the first one took. Rows that others are taking are passed over.
TAKE_NEXT_TASK = f"""
CREATE FUNCTION concord_take_next_task(labeler bigint, shuffle text, moment timestamptz)
RETURNS SETOF labeling_assignment LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
    asking labeling_labeler%ROWTYPE;
    found_id bigint;
BEGIN
    SELECT * INTO asking FROM labeling_labeler WHERE id = labeler FOR NO KEY UPDATE;
    IF asking.state IS DISTINCT FROM 'active' OR EXISTS (
        SELECT FROM labeling_assignment AS held
        WHERE held.labeler_id = asking.id AND held.kind = 'ranking' AND held.state = 'open'
    ) THEN
        RETURN;
    END IF;
    {OWN};
    IF found_id IS NULL THEN
        {OLDEST};
    END IF;
    RETURN QUERY
    WITH taken AS (
        UPDATE labeling_rankingtask AS task SET rankings_open = task.rankings_open + 1
        WHERE task.id = found_id
        RETURNING task.id, task.prompt_id, task.campaign_id
    )
    INSERT INTO labeling_assignment (
        token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
        shown_order, claimed_at, expires_at, draft, draft_version, skip_reason, skip_note
    )
    SELECT
        gen_random_uuid(), asking.id, campaign.id, 'ranking', taken.prompt_id, taken.id, 'open',
        (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT id FROM labeling_rubricversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT array_agg(id ORDER BY md5(id || shuffle)) FROM labeling_completion WHERE task_id = taken.id),
        moment, moment + make_interval(mins => campaign.lease_minutes), '{{}}', 0, '', ''
    FROM taken JOIN labeling_campaign AS campaign ON campaign.id = taken.campaign_id
    RETURNING *;
END $$;
"""  # noqa: S608  (put together from constants)


class Migration(migrations.Migration):
    dependencies = [("labeling", "0002_truth_is_append_only")]

    operations = [
        migrations.RunSQL(
            TAKE_NEXT_TASK, reverse_sql="DROP FUNCTION concord_take_next_task(bigint, text, timestamptz);"
        )
    ]
