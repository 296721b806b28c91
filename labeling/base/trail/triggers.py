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
    "labeling_skill": EVERY,
    "labeling_prompt": (
        "set_aside_reason", "content_warnings", "required_skills", "demonstrations_needed", "ranking_tasks_needed",
    ),
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
    "labeling_silence": EVERY,
    "labeling_rewardmodel": EVERY,
    "labeling_trainingrecipe": (),
    "labeling_policyrecipe": (),
    "labeling_campaign_reward_models": (),
    "labeling_campaign_managers": (),
    "labeling_evaluation": (*EVERY, "-decision"),
    "labeling_loop": EVERY,
    "labeling_exclusion": EVERY,
    "labeling_payterms": (),
    "labeling_payperiod": EVERY,
    "labeling_survey": EVERY,
    "labeling_sentinel": EVERY,
    "labeling_harvestrule": EVERY,
    "labeling_consent": (),
    "labeling_withdrawal": (),
    "auth_user": (
        "username", "first_name", "last_name", "email", "password", "is_active", "is_staff", "is_superuser",
    ),
    "auth_user_groups": (),
    "auth_group": ("name",),
    "otp_totp_totpdevice": ("confirmed",),
    "otp_static_staticdevice": ("confirmed",),
    "labeling_accountsession": ("ended_at",),
    "axes_accessfailurelog": (),
}  # fmt: skip
ONLY_NEW_ROWS = frozenset({"labeling_accountsession", "axes_accessfailurelog"})
"""Log-ins and wrong passwords: old rows are forgotten by themselves, which nobody did."""
ALL_ROWS = frozenset(RECORDED) - {"labeling_prompt", "labeling_rankingtask"} - ONLY_NEW_ROWS
# By table of permissions: the table of whom they are given to, and the column that names them there. A statement gives
# or takes many at once, which is one change.
PERMISSIONS: Mapping[str, tuple[str, str, str]] = {
    "auth_group_permissions": ("auth_group", "group_id", "name"),
    "auth_user_user_permissions": ("auth_user", "user_id", "username"),
}
SECRET_COLUMN = "password"  # noqa: S105  (its name)

CREATE = f"""
CREATE FUNCTION concord_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    this_row jsonb := coalesce(after, before);
    changed jsonb := '{{}}';
    link_name text;
    link_value text;
BEGIN
    -- A name that nobody has may be a password that was typed into the wrong field: it is not kept for ever.
    IF TG_TABLE_NAME = 'axes_accessfailurelog' AND NOT EXISTS (
        SELECT 1 FROM auth_user WHERE username = this_row ->> 'username'
    ) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(name, CASE WHEN name = '{SECRET_COLUMN}' THEN '["…", "…"]'::jsonb
            ELSE jsonb_build_array(before -> name, after -> name) END) INTO changed
        FROM jsonb_object_keys(after) AS name
        WHERE (name = ANY (TG_ARGV) OR '*' = ANY (TG_ARGV)) AND '-' || name <> ALL (TG_ARGV)
            AND before -> name IS DISTINCT FROM after -> name;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        -- What a row that only links two others links.
        IF TG_TABLE_NAME = 'auth_user_groups' THEN
            link_name := 'group';
            SELECT name INTO link_value FROM auth_group WHERE id = (this_row ->> 'group_id')::bigint;
        ELSIF TG_TABLE_NAME = 'labeling_campaign_reward_models' THEN
            link_name := 'reward_model';
            SELECT name INTO link_value FROM labeling_rewardmodel WHERE id = (this_row ->> 'rewardmodel_id')::bigint;
        ELSIF TG_TABLE_NAME = 'labeling_campaign_managers' THEN
            link_name := 'manager';
            SELECT username INTO link_value FROM auth_user WHERE id = (this_row ->> 'user_id')::bigint;
        END IF;
        IF link_name IS NOT NULL THEN
            changed := jsonb_build_object(link_name, CASE WHEN TG_OP = 'INSERT'
                THEN jsonb_build_array(NULL, link_value) ELSE jsonb_build_array(link_value, NULL) END);
        END IF;
    END IF;
    INSERT INTO labeling_change (actor, action, table_name, row_id, row_name, changes) VALUES (
        -- Whoever is named for now (actors.py), or the process: its command or worker names itself to PostgreSQL.
        left(coalesce(nullif(current_setting('concord.actor', true), ''), current_setting('application_name')), 200),
        lower(TG_OP), TG_TABLE_NAME, (this_row ->> 'id')::bigint,
        left(coalesce(
            CASE WHEN TG_TABLE_NAME NOT LIKE 'otp%' THEN this_row ->> 'name' END, this_row ->> 'username',
            (SELECT name FROM labeling_campaign
             WHERE TG_TABLE_NAME = 'labeling_campaign_managers' AND id = (this_row ->> 'campaign_id')::bigint),
            (SELECT username FROM auth_user WHERE id = (this_row ->> 'user_id')::bigint),
            (SELECT name || ' v' || (this_row ->> 'version') FROM labeling_campaign
             WHERE TG_TABLE_NAME LIKE '%version' AND id = (this_row ->> 'campaign_id')::bigint),
            (SELECT name || ' v' || (this_row ->> 'version') FROM labeling_rewardmodel
             WHERE TG_TABLE_NAME = 'labeling_trainingrecipe' AND id = (this_row ->> 'reward_model_id')::bigint),
            CASE WHEN TG_TABLE_NAME = 'labeling_policyrecipe'
                THEN upper(this_row ->> 'stage') || ' v' || (this_row ->> 'version') END,
            (SELECT name FROM labeling_campaign
             WHERE TG_TABLE_NAME = 'labeling_campaign_reward_models' AND id = (this_row ->> 'campaign_id')::bigint),
            ''
        ), 200), changed
    );
    RETURN NULL;
END $$;
"""  # noqa: S608  (put together from constants)


CREATE_PERMISSIONS = """
CREATE FUNCTION concord_record_permissions() RETURNS trigger LANGUAGE plpgsql AS $$
-- Arguments: the table of whom they are given to, the column that leads there, and the column of the name there.
BEGIN
    EXECUTE format(
        $sql$
        INSERT INTO labeling_change (actor, action, table_name, row_id, row_name, changes)
        SELECT left(coalesce(nullif(current_setting('concord.actor', true), ''),
                current_setting('application_name')), 200),
            'update', %1$L, holder.id, left(holder.%4$I, 200), jsonb_build_object('permissions',
                CASE WHEN %5$L = 'INSERT' THEN jsonb_build_array('[]'::jsonb, given.names)
                ELSE jsonb_build_array(given.names, '[]'::jsonb) END)
        FROM (
            SELECT changed.%3$I AS holder_id, jsonb_agg(permission.codename ORDER BY permission.codename) AS names
            FROM changed JOIN auth_permission permission ON permission.id = changed.permission_id GROUP BY 1
        ) AS given JOIN %2$I holder ON holder.id = given.holder_id
        $sql$, TG_ARGV[0], TG_ARGV[0], TG_ARGV[1], TG_ARGV[2], TG_OP);
    RETURN NULL;
END $$;
"""


def create_trail() -> str:
    permissions = "".join(_permission_triggers(table, *arguments) for table, arguments in PERMISSIONS.items())
    return (
        CREATE
        + "".join(_triggers(table, columns) for table, columns in RECORDED.items())
        + CREATE_PERMISSIONS
        + permissions
    )


def _permission_triggers(table: str, holder: str, column: str, name: str) -> str:
    record = f"FOR EACH STATEMENT EXECUTE FUNCTION concord_record_permissions('{holder}', '{column}', '{name}');\n"
    return (
        f"CREATE TRIGGER concord_trail_given AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed {record}"
        f"CREATE TRIGGER concord_trail_taken AFTER DELETE ON {table} REFERENCING OLD TABLE AS changed {record}"
    )


def _triggers(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f"'{column}'" for column in columns)
    record = f"FOR EACH ROW EXECUTE FUNCTION concord_record_change({names});"
    when = "INSERT" if table in ONLY_NEW_ROWS else "INSERT OR DELETE"
    made = [f"CREATE TRIGGER concord_trail_rows AFTER {when} ON {table} {record}"]
    quoted = ", ".join(f'"{column}"' for column in columns)
    of_columns = "" if "*" in columns else f"OF {quoted} "
    changed = [f"CREATE TRIGGER concord_trail AFTER UPDATE {of_columns}ON {table} {record}"] if columns else []
    return "\n".join([*(made if table in ALL_ROWS | ONLY_NEW_ROWS else []), *changed, ""])


def drop_trail() -> str:
    drops = [
        f"DROP TRIGGER IF EXISTS {trigger} ON {table};"
        for table in RECORDED
        for trigger in ("concord_trail", "concord_trail_rows")
    ]
    drops += [
        f"DROP TRIGGER IF EXISTS {trigger} ON {table};"
        for table in PERMISSIONS
        for trigger in ("concord_trail_given", "concord_trail_taken")
    ]
    return "\n".join([*drops, "DROP FUNCTION concord_record_change;", "DROP FUNCTION concord_record_permissions;"])
