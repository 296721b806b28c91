"""SQL of the triggers that write the trail. Migration 0002 makes them.

Triggers and not Python, because commands, workers, updates of many rows and SQL by hand all pass them.
"""

from collections.abc import Mapping

EVERY = ("*",)
UNREAD = "-unread_messages"
"""A minus before a column: every column but that one."""
# By table: the columns whose changes are recorded. New and deleted rows are recorded where ALL_ROWS names the table.
RECORDED: Mapping[str, tuple[str, ...]] = {
    "labeling_campaign": EVERY,
    "labeling_instructionversion": (),
    "labeling_rubricversion": (),
    "labeling_labeler": (*EVERY, UNREAD),
    "labeling_prompt": ("set_aside_reason", "content_warnings", "demonstrations_needed", "ranking_tasks_needed"),
    "labeling_rankingtask": ("set_aside_reason", "rankings_needed"),
    "labeling_golditem": ("state",),
    "labeling_goldversion": (),
    "labeling_invitation": ("expires_at", "withdrawn_at", "used_at"),
    "labeling_stagesettings": EVERY,
    "labeling_screeningdecision": (),
    "labeling_grade": ("grade", "note"),
    "labeling_promptimport": ("state", "keep_good"),
    "labeling_modelversion": EVERY,
    "labeling_apitoken": ("scopes", "expires_at", "revoked_at"),
    "labeling_webhook": ("url", "events", "active"),
    "labeling_rewardmodel": EVERY,
    "labeling_trainingrecipe": (),
    "labeling_campaign_reward_models": (),
    "labeling_campaign_managers": (),
    "labeling_exclusion": EVERY,
    "labeling_sentinel": EVERY,
    "auth_user": (
        "username", "first_name", "last_name", "email", "password", "is_active", "is_staff", "is_superuser",
    ),
    "auth_user_groups": (),
}  # fmt: skip
ALL_ROWS = frozenset(RECORDED) - {"labeling_prompt", "labeling_rankingtask"}
SECRET_COLUMN = "password"  # noqa: S105  (its name)

CREATE = f"""
CREATE FUNCTION concord_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    this_row jsonb := coalesce(after, before);
    changed jsonb := '{{}}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(name, CASE WHEN name = '{SECRET_COLUMN}' THEN '["…", "…"]'::jsonb
            ELSE jsonb_build_array(before -> name, after -> name) END) INTO changed
        FROM jsonb_object_keys(after) AS name
        WHERE (name = ANY (TG_ARGV) OR '*' = ANY (TG_ARGV)) AND '-' || name <> ALL (TG_ARGV)
            AND before -> name IS DISTINCT FROM after -> name;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    ELSIF TG_TABLE_NAME IN ('auth_user_groups', 'labeling_campaign_reward_models', 'labeling_campaign_managers') THEN
        SELECT jsonb_object_agg(name, jsonb_build_array(before -> name, after -> name)) INTO changed
        FROM jsonb_object_keys(this_row) AS name WHERE name <> 'id';
    END IF;
    INSERT INTO labeling_change (actor, action, table_name, row_id, row_name, changes) VALUES (
        -- Whoever is named for now (actors.py), or the process: its command or worker names itself to PostgreSQL.
        left(coalesce(nullif(current_setting('concord.actor', true), ''), current_setting('application_name')), 200),
        lower(TG_OP), TG_TABLE_NAME, (this_row ->> 'id')::bigint,
        left(coalesce(
            this_row ->> 'name', this_row ->> 'username',
            (SELECT name FROM labeling_campaign
             WHERE TG_TABLE_NAME = 'labeling_campaign_managers' AND id = (this_row ->> 'campaign_id')::bigint),
            (SELECT username FROM auth_user WHERE id = (this_row ->> 'user_id')::bigint),
            (SELECT name || ' v' || (this_row ->> 'version') FROM labeling_campaign
             WHERE TG_TABLE_NAME LIKE '%version' AND id = (this_row ->> 'campaign_id')::bigint),
            (SELECT name || ' v' || (this_row ->> 'version') FROM labeling_rewardmodel
             WHERE TG_TABLE_NAME = 'labeling_trainingrecipe' AND id = (this_row ->> 'reward_model_id')::bigint),
            (SELECT name FROM labeling_campaign
             WHERE TG_TABLE_NAME = 'labeling_campaign_reward_models' AND id = (this_row ->> 'campaign_id')::bigint),
            ''
        ), 200), changed
    );
    RETURN NULL;
END $$;
"""  # noqa: S608  (put together from constants)


def create_trail() -> str:
    return CREATE + "".join(_triggers(table, columns) for table, columns in RECORDED.items())


def _triggers(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f"'{column}'" for column in columns)
    record = f"FOR EACH ROW EXECUTE FUNCTION concord_record_change({names});"
    made = (
        [f"CREATE TRIGGER concord_trail_rows AFTER INSERT OR DELETE ON {table} {record}"] if table in ALL_ROWS else []
    )
    quoted = ", ".join(f'"{column}"' for column in columns)
    of_columns = "" if "*" in columns else f"OF {quoted} "
    changed = [f"CREATE TRIGGER concord_trail AFTER UPDATE {of_columns}ON {table} {record}"] if columns else []
    return "\n".join([*(made if table in ALL_ROWS else []), *changed, ""])


def drop_trail() -> str:
    drops = [
        f"DROP TRIGGER IF EXISTS {trigger} ON {table};"
        for table in RECORDED
        for trigger in ("concord_trail", "concord_trail_rows")
    ]
    return "\n".join([*drops, "DROP FUNCTION concord_record_change;"])
