"""What CHECK and UNIQUE cannot say: rows that never change, states that follow each other, rankings that cover their task
exactly."""

from django.db import migrations

from labeling.base.moves import REFUSE_ILLEGAL_MOVE, refuse_illegal_moves
from labeling.base.states import (
    AssignmentState,
    CampaignState,
    CheckState,
    ConversationState,
    CompositionState,
    DeliveryState,
    EvaluationState,
    ExportState,
    GoldState,
    ImportState,
    LabelerState,
    ModelState,
    PayPeriodState,
    ReportState,
    ReviewState,
    RevisionState,
    RunState,
    SamplingState,
    ScoringState,
    SuggestionState,
    SurveyState,
    TaskState,
    TurnState,
)
from labeling.base.trail.triggers import create_trail, drop_trail

REFUSE_CHANGE = """
CREATE FUNCTION concord_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows never change; add a new row instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""

NEVER_CHANGE = (
    "labeling_completion",
    "labeling_ranking",
    "labeling_rankedcompletion",
    "labeling_demonstration",
    "labeling_ownprompt",
    "labeling_ownpromptexample",
    "labeling_snapshot",
    "labeling_promptopening",
    "labeling_instructionversion",
    "labeling_rubricversion",
    "labeling_message",
    "labeling_rewardscore",
    "labeling_preferencemargin",
    "labeling_importedranking",
    "labeling_trainingrecipe",
    "labeling_policyrecipe",
    "labeling_change",
    "labeling_payterms",
    "labeling_payentry",
    "labeling_surveyanswer",
    "labeling_surveyparticipation",
    "labeling_goldversion",
    "labeling_screeningdecision",
    "labeling_adjudication",
    "labeling_adjudicatedcompletion",
    "labeling_threadmessage",
    "labeling_consent",
    "labeling_servedturn",
    "labeling_withdrawal",
)

# Rows whose other columns move on (states, counters), but whose content and origin stay.
KEEP_COLUMNS = {
    "labeling_prompt": (
        "messages",
        "submitter_id",
        "opening_id",
        "campaign_id",
        "source",
        "use_case",
        "language",
        "author_id",
        "picked_message_id",
        "prompt_import_id",
        "import_line",
    ),
    "labeling_promptimport": ("campaign_id", "file_name"),
    "labeling_campaign": ("slug", "simulated", "stage"),
    "labeling_submitter": ("name", "split"),
    "labeling_skill": ("slug",),
    "labeling_rewardmodel": ("slug", "watches_id"),
    "labeling_modelcomparison": ("first_id", "second_id", "snapshot_id", "split"),
    "labeling_exclusion": (
        "ranking_id", "demonstration_id", "labeler_id", "campaign_id", "prompt_import_id", "prompt_id", "since",
        "reason", "excluded_at", "excluded_by_id",
    ),
    "labeling_evaluation": (
        "source_id", "candidate_id", "baseline_id", "demonstrations", "split", "held_out_only", "margin", "confidence",
        "gain", "power", "rankings_per_prompt", "promote_automatically",
    ),
    "labeling_turn": ("loop_id", "number", "began_at"),
    "labeling_promotion": ("version_id", "before_id", "rolled_back", "reason", "began_at"),
    "labeling_modelversion": ("kind", "reward_model_id", "name", "path", "parent_id", "snapshot_id", "metrics",
        "simulated", "half", "rewarded_by_id", "watched_by_id",
    ),
    "labeling_policyrun": ("stage", "recipe_id", "start_id", "rewarded_by_id", "watched_by_id"),
    "labeling_modelcheck": ("model_version_id",),
    "labeling_rankingtask": ("prompt_id", "campaign_id", "language", "copy_of_id"),
    "labeling_golditem": ("task_id",),
    "labeling_check": ("labeler_id", "task_id", "kind", "item_id", "earlier_id", "drawn_by_id"),
    "labeling_assignment": ("labeler_id", "kind", "prompt_id", "task_id", "shown_order"),
    "labeling_conversation": ("composition_id", "campaign_id", "labeler_id", "language"),
    "labeling_suggestionrequest": ("composition_id", "messages", "wanted", "seed"),
    "labeling_suggestion": ("request_id", "number", "text", "model_version_id", "seed", "token_ids", "logprobs"),
    "labeling_composition": ("labeler_id", "campaign_id", "kind", "ranking_id"),
    "labeling_labeler": ("simulated", "user_id"),
    "labeling_revision": ("assignment_id", "handed_in"),
    "labeling_scoringrequest": ("asked_by_id", "items", "wanted_id"),
    "labeling_snapshotrequest": ("asked_by_id", "options"),
    "labeling_payperiod": ("first_day", "last_day", "time_zone", "begins_at", "ends_at"),
    "labeling_review": ("prompt_id", "assignment_id", "composition_id", "task_id", "follows_id"),
    "labeling_thread": ("labeler_id", "assignment_id", "composition_id"),
    "labeling_brokentaskreport": ("assignment_id", "text", "reported_at"),
    "labeling_servedconversation": ("source", "submitter", "user_id", "consent_id", "draw"),
}

# tests/labeling/base/test_moves.py tries every pair of states on every table.
STATES = {
    "labeling_campaign": CampaignState,
    "labeling_labeler": LabelerState,
    "labeling_rankingtask": TaskState,
    "labeling_golditem": GoldState,
    "labeling_promptimport": ImportState,
    "labeling_samplingrun": SamplingState,
    "labeling_assignment": AssignmentState,
    "labeling_revision": RevisionState,
    "labeling_composition": CompositionState,
    "labeling_suggestionrequest": SuggestionState,
    "labeling_scoringrequest": ScoringState,
    "labeling_webhookdelivery": DeliveryState,
    "labeling_snapshotrequest": ExportState,
    "labeling_modelversion": ModelState,
    "labeling_modelcheck": CheckState,
    "labeling_trainingrun": RunState,
    "labeling_policyrun": RunState,
    "labeling_evaluation": EvaluationState,
    "labeling_turn": TurnState,
    "labeling_modelcomparison": ScoringState,
    "labeling_payperiod": PayPeriodState,
    "labeling_survey": SurveyState,
    "labeling_review": ReviewState,
    "labeling_brokentaskreport": ReportState,
    "labeling_servedconversation": ConversationState,
}

# What webhooks are told of is written in the transaction in which it happens, whichever door it came through.
TOLD_TO_WEBHOOKS = (
    "labeling_ranking", "labeling_snapshot", "labeling_trainingrun", "labeling_policyrun", "labeling_evaluation",
    "labeling_modelversion",
)  # fmt: skip
ALERTS_TOLD = ("opened", "closed")
TELL_WEBHOOKS = """
CREATE FUNCTION concord_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO labeling_webhookdelivery
        (webhook_id, token, event, subject, happened_at, state, attempts, next_try_at, answer)
    SELECT id, gen_random_uuid(), TG_ARGV[0], NEW.id, now(), 'waiting', 0, now(), ''
    FROM labeling_webhook WHERE active AND TG_ARGV[0] = ANY (events);
    RETURN NULL;
END $$;
CREATE TRIGGER concord_webhooks AFTER INSERT ON labeling_ranking
    FOR EACH ROW EXECUTE FUNCTION concord_tell_webhooks('ranking.submitted');
CREATE TRIGGER concord_webhooks AFTER INSERT ON labeling_snapshot
    FOR EACH ROW EXECUTE FUNCTION concord_tell_webhooks('snapshot.created');
CREATE TRIGGER concord_webhooks AFTER UPDATE ON labeling_trainingrun
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('done', 'failed'))
    EXECUTE FUNCTION concord_tell_webhooks('training_run.ended');
CREATE TRIGGER concord_webhooks AFTER UPDATE ON labeling_policyrun
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('done', 'failed'))
    EXECUTE FUNCTION concord_tell_webhooks('policy_run.ended');
CREATE TRIGGER concord_webhooks AFTER UPDATE ON labeling_evaluation
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('done', 'stopped'))
    EXECUTE FUNCTION concord_tell_webhooks('evaluation.ended');
CREATE TRIGGER concord_webhooks AFTER UPDATE ON labeling_modelversion
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state = 'current')
    EXECUTE FUNCTION concord_tell_webhooks('model.promoted');
CREATE TRIGGER concord_webhooks_opened AFTER UPDATE ON labeling_incident
    FOR EACH ROW WHEN (OLD.told_at IS NULL AND NEW.told_at IS NOT NULL)
    EXECUTE FUNCTION concord_tell_webhooks('alert.opened');
CREATE TRIGGER concord_webhooks_closed AFTER UPDATE ON labeling_incident
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND NEW.told_at IS NOT NULL)
    EXECUTE FUNCTION concord_tell_webhooks('alert.closed');
"""

# What a check came to is measured once, by the gold item's answer of that day.
MEASURED_ONCE = """
CREATE TRIGGER concord_measured_once BEFORE UPDATE ON labeling_check
    FOR EACH ROW WHEN (OLD.ranking_id IS NOT NULL) EXECUTE FUNCTION concord_refuse_change();
"""

# Deferred to commit, because a ranking is written in several statements.
COVERS_EXACTLY = """
CREATE FUNCTION concord_ranking_covers_its_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong integer;
    ranks integer;
BEGIN
    SELECT count(*) INTO wrong
    FROM (SELECT id FROM labeling_completion WHERE task_id = NEW.task_id) AS expected
    FULL JOIN (SELECT completion_id FROM labeling_rankedcompletion WHERE ranking_id = NEW.id) AS given
        ON expected.id = given.completion_id
    WHERE expected.id IS NULL OR given.completion_id IS NULL;
    IF wrong > 0 THEN
        RAISE EXCEPTION 'ranking % does not cover exactly the completions of task %', NEW.id, NEW.task_id
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT max(rank), max(rank) - count(DISTINCT rank) INTO ranks, wrong
    FROM labeling_rankedcompletion WHERE ranking_id = NEW.id;
    IF wrong > 0 THEN
        RAISE EXCEPTION 'ranks of ranking % have gaps; they must be 1, 2, 3 … with ties', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF cardinality(NEW.strengths) <> ranks - 1 THEN
        RAISE EXCEPTION 'ranking % has % ranks and not one strength between each and the next', NEW.id, ranks
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER concord_covers_exactly AFTER INSERT ON labeling_ranking
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION concord_ranking_covers_its_task();
"""

# The same of an adjudication.
ADJUDICATES_EXACTLY = """
CREATE FUNCTION concord_adjudication_covers_its_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong integer;
BEGIN
    SELECT count(*) INTO wrong
    FROM (SELECT id FROM labeling_completion WHERE task_id = NEW.task_id) AS expected
    FULL JOIN (SELECT completion_id FROM labeling_adjudicatedcompletion WHERE adjudication_id = NEW.id) AS given
        ON expected.id = given.completion_id
    WHERE expected.id IS NULL OR given.completion_id IS NULL;
    IF wrong > 0 THEN
        RAISE EXCEPTION 'adjudication % does not cover exactly the completions of task %', NEW.id, NEW.task_id
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT max(rank) - count(DISTINCT rank) INTO wrong
    FROM labeling_adjudicatedcompletion WHERE adjudication_id = NEW.id;
    IF wrong > 0 THEN
        RAISE EXCEPTION 'ranks of adjudication % have gaps; they must be 1, 2, 3 … with ties', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER concord_adjudicates_exactly AFTER INSERT ON labeling_adjudication
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION concord_adjudication_covers_its_task();
"""

# A completion must not join a task that labelers see already, nor come from another task's run.
COMPLETION_FITS = """
CREATE FUNCTION concord_completion_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT state FROM labeling_rankingtask WHERE id = NEW.task_id) IN ('ready', 'done') THEN
        RAISE EXCEPTION 'task % is with labelers already; its completions are fixed', NEW.task_id
            USING ERRCODE = 'check_violation';
    END IF;
    -- A task that shows another's completions again names the runs that sampled them.
    IF (SELECT task_id FROM labeling_samplingrun WHERE id = NEW.run_id)
        <> coalesce((SELECT copy_of_id FROM labeling_rankingtask WHERE id = NEW.task_id), NEW.task_id) THEN
        RAISE EXCEPTION 'sampling run % belongs to another task than %', NEW.run_id, NEW.task_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_completion_fits BEFORE INSERT ON labeling_completion
    FOR EACH ROW EXECUTE FUNCTION concord_completion_fits();
"""

ONLY_MODEL_WRITTEN = """
CREATE FUNCTION concord_picked_message_is_model_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT author_type FROM labeling_message WHERE id = NEW.picked_message_id) <> 'model' THEN
        RAISE EXCEPTION 'message % was written by a person; only model-written messages are picked for ranking',
            NEW.picked_message_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_only_model_written BEFORE INSERT ON labeling_prompt
    FOR EACH ROW WHEN (NEW.picked_message_id IS NOT NULL)
    EXECUTE FUNCTION concord_picked_message_is_model_written();
"""


# What was handed in is fixed: a message that came late (a slow model, a second tab) must not join it.
NOTHING_ADDED = """
CREATE FUNCTION concord_conversation_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT submitted_at FROM labeling_conversation WHERE id = NEW.conversation_id) IS NOT NULL THEN
        RAISE EXCEPTION 'conversation % was handed in; nothing is added to it', NEW.conversation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_nothing_added BEFORE INSERT ON labeling_message
    FOR EACH ROW EXECUTE FUNCTION concord_conversation_is_open();
"""

EDIT_OF_THE_BEST = """
CREATE FUNCTION concord_edit_is_of_the_best() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM labeling_ranking ranking
        JOIN labeling_rankedcompletion ranked ON ranked.ranking_id = ranking.id
        JOIN labeling_rankingtask task ON task.id = ranking.task_id
        JOIN labeling_completion completion ON completion.id = ranked.completion_id
        WHERE ranking.id = NEW.ranking_id AND ranking.labeler_id = NEW.labeler_id AND task.prompt_id = NEW.prompt_id
            AND completion.id = NEW.edited_completion_id AND ranked.rank = 1
            AND NOT EXISTS (
                SELECT 1 FROM labeling_completion twin WHERE twin.task_id = task.id AND twin.text = NEW.text
            )
    ) THEN
        RAISE EXCEPTION 'an edit improves, by words that no completion has, one that its labeler put at rank 1'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_edit_of_the_best BEFORE INSERT ON labeling_demonstration
    FOR EACH ROW WHEN (NEW.ranking_id IS NOT NULL)
    EXECUTE FUNCTION concord_edit_is_of_the_best();
"""

BY_A_REWARD_MODEL = """
CREATE FUNCTION concord_by_a_reward_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT kind FROM labeling_modelversion WHERE id = NEW.model_version_id) <> 'reward' THEN
        RAISE EXCEPTION 'model version % is no reward model', NEW.model_version_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_by_a_reward_model BEFORE INSERT ON labeling_rewardscore
    FOR EACH ROW EXECUTE FUNCTION concord_by_a_reward_model();
CREATE TRIGGER concord_by_a_reward_model BEFORE INSERT ON labeling_preferencemargin
    FOR EACH ROW EXECUTE FUNCTION concord_by_a_reward_model();
"""

# The ledger of pay: nothing leaves it, and nothing joins a period that was paid. The period's row is locked against
# being paid in the same moment.
LEDGER = """
CREATE FUNCTION concord_ledger_grows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    period_state text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'entries of the ledger are never deleted; correct one by a further entry'
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT state INTO period_state FROM labeling_payperiod WHERE id = NEW.period_id FOR SHARE;
    IF period_state = 'paid' OR (period_state = 'frozen' AND NEW.kind IN ('work', 'bonus')) THEN
        RAISE EXCEPTION 'pay period % is %; correct it by an entry of a later one', NEW.period_id, period_state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER concord_ledger_grows BEFORE INSERT OR DELETE ON labeling_payentry
    FOR EACH ROW EXECUTE FUNCTION concord_ledger_grows();
"""


def _triggers() -> str:
    whole = [
        f"CREATE TRIGGER concord_never_changes BEFORE UPDATE ON {table} FOR EACH ROW "
        "EXECUTE FUNCTION concord_refuse_change();"
        for table in NEVER_CHANGE
    ]
    partly = [
        f"CREATE TRIGGER concord_content_stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ("
        + " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
        + ") EXECUTE FUNCTION concord_refuse_change();"
        for table, columns in KEEP_COLUMNS.items()
    ]
    moves = [refuse_illegal_moves(table, states) for table, states in STATES.items()]
    return "\n".join(whole + partly + moves)


def _drop() -> str:
    tables = [(table, "concord_never_changes") for table in NEVER_CHANGE]
    tables += [(table, "concord_content_stays") for table in KEEP_COLUMNS]
    tables += [(table, "concord_legal_moves") for table in STATES]
    tables += [
        ("labeling_ranking", "concord_covers_exactly"),
        ("labeling_adjudication", "concord_adjudicates_exactly"),
        ("labeling_completion", "concord_completion_fits"),
        ("labeling_demonstration", "concord_edit_of_the_best"),
        ("labeling_check", "concord_measured_once"),
        ("labeling_prompt", "concord_only_model_written"),
        ("labeling_message", "concord_nothing_added"),
        ("labeling_rewardscore", "concord_by_a_reward_model"),
        ("labeling_preferencemargin", "concord_by_a_reward_model"),
        ("labeling_payentry", "concord_ledger_grows"),
        *((table, "concord_webhooks") for table in TOLD_TO_WEBHOOKS),
        *(("labeling_incident", f"concord_webhooks_{event}") for event in ALERTS_TOLD),
    ]
    functions = (
        "concord_edit_is_of_the_best",
        "concord_refuse_change",
        "concord_refuse_illegal_move",
        "concord_ranking_covers_its_task",
        "concord_adjudication_covers_its_task",
        "concord_completion_fits",
        "concord_picked_message_is_model_written",
        "concord_conversation_is_open",
        "concord_by_a_reward_model",
        "concord_tell_webhooks",
        "concord_ledger_grows",
    )
    return "\n".join(
        [f"DROP TRIGGER {name} ON {table};" for table, name in tables] + [f"DROP FUNCTION {name}();" for name in functions]
    )


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0001_initial"),
        # Their tables have triggers of the trail.
        ("axes", "0010_accessattemptexpiration"),
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
    ]

    operations = [
        migrations.RunSQL(
            REFUSE_CHANGE + REFUSE_ILLEGAL_MOVE + COVERS_EXACTLY + ADJUDICATES_EXACTLY + COMPLETION_FITS
            + ONLY_MODEL_WRITTEN + NOTHING_ADDED + EDIT_OF_THE_BEST + MEASURED_ONCE + BY_A_REWARD_MODEL + TELL_WEBHOOKS
            + LEDGER + _triggers() + create_trail(),
            reverse_sql=drop_trail() + _drop(),
        )
    ]
