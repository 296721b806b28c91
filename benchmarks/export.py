"""Snapshots written by `write_snapshot`, beside Postgres's own COPY of the same rows as JSON.

    python -m benchmarks.export [--quick]

The rows are rankings of seven completions with real lengths (benchmarks/desk/stage.py), many labelers a task. The limit
is one COPY (SELECT json_build_object(…)) TO STDOUT into a file: every field of a record, built by Postgres in C, but
neither hashed nor split nor synced to disk. Both read the same rows through the same conditions; their counts must
agree, or there are no figures.
"""

import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

RANK = """
WITH people AS (SELECT id FROM labeling_labeler),
assigned AS (
    INSERT INTO labeling_assignment
        (token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
         shown_order, claimed_at, expires_at, closed_at, draft, draft_version, skip_reason, skip_note)
    SELECT gen_random_uuid(), people.id, task.campaign_id, 'ranking', task.prompt_id, task.id, 'submitted',
           instructions.id, rubric.id,
           ARRAY(SELECT id FROM labeling_completion WHERE task_id = task.id ORDER BY random()),
           now(), now(), now(), '{}', 0, '', ''
    FROM labeling_rankingtask task
    JOIN labeling_instructionversion instructions USING (campaign_id)
    JOIN labeling_rubricversion rubric USING (campaign_id), people
    RETURNING *
),
ranked AS (
    INSERT INTO labeling_ranking
        (task_id, labeler_id, assignment_id, revision, instruction_version_id, rubric_version_id, note,
         none_acceptable, active_seconds, labeler_group, simulated, submitted_at)
    SELECT task_id, labeler_id, id, 1, instruction_version_id, rubric_version_id, '', false, 300 * random(),
           'training', false, clock_timestamp()
    FROM assigned RETURNING id, assignment_id
)
INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, rank, quality, flags, note, shown_position)
SELECT ranked.id, shown.completion_id, shown.position, 8 - shown.position, '{hallucination}', '', shown.position
FROM ranked JOIN assigned ON assigned.id = assignment_id,
     unnest(shown_order) WITH ORDINALITY AS shown(completion_id, position)
"""

COPY = """
COPY (
    SELECT json_build_object(
        'schema', 1, 'ranking_id', r.id, 'revision', r.revision, 'task_id', r.task_id, 'prompt_id', t.prompt_id,
        'campaign', c.slug, 'split', o.split, 'prompt', p.messages,
        'completions', (
            SELECT json_agg(json_build_object(
                'completion_id', rc.completion_id, 'text', k.text, 'rank', rc.rank, 'quality', rc.quality,
                'flags', rc.flags, 'note', rc.note, 'shown_position', rc.shown_position,
                'model', coalesce(nullif(run.imported_model_name, ''), m.name), 'model_version_id', m.id,
                'temperature', run.temperature, 'top_p', run.top_p, 'seed', coalesce(k.seed, run.seed),
                'tokens', k.token_count, 'finish_reason', k.finish_reason, 'mean_logprob', k.mean_logprob,
                'best_of', CASE WHEN m.id IS NOT NULL THEN run.best_of END,
                'edited', false, 'demonstration_id', null
            ) ORDER BY rc.completion_id)
            FROM labeling_rankedcompletion rc
            JOIN labeling_completion k ON k.id = rc.completion_id
            JOIN labeling_samplingrun run ON run.id = k.run_id
            LEFT JOIN labeling_modelversion m ON m.id = run.model_version_id
            WHERE rc.ranking_id = r.id
        ),
        'strengths', r.strengths, 'none_acceptable', r.none_acceptable,
        'labeler', 'L' || r.labeler_id, 'labeler_group', r.labeler_group, 'simulated', r.simulated,
        'use_case', p.use_case, 'language', p.language, 'source', p.source, 'instruction_version', i.version,
        'rubric_version', b.version, 'active_seconds', r.active_seconds, 'submitted_at', r.submitted_at,
        'imported', null, 'label', 'labeler', 'fixed', r.fixed_by_id IS NOT NULL, 'consensus', null
    )
    FROM labeling_ranking r
    JOIN labeling_rankingtask t ON t.id = r.task_id
    JOIN labeling_prompt p ON p.id = t.prompt_id
    JOIN labeling_promptopening o ON o.id = p.opening_id
    JOIN labeling_campaign c ON c.id = t.campaign_id
    JOIN labeling_instructionversion i ON i.id = r.instruction_version_id
    JOIN labeling_rubricversion b ON b.id = r.rubric_version_id
    WHERE r.submitted_at <= now() AND r.labeler_group = 'training' AND NOT r.simulated AND NOT EXISTS (
        SELECT FROM labeling_ranking later
        WHERE later.task_id = r.task_id AND later.labeler_id = r.labeler_id AND later.revision > r.revision
    )
    ORDER BY r.id
) TO STDOUT
"""


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    tasks, labelers = (200, 25) if quick else (2000, 25)
    with scratch_concord():
        from benchmarks.desk.stage import analyze, set_stage  # noqa: PLC0415  (needs Django set up)

        set_stage(tasks=tasks, labelers=labelers)
        rank_all()
        analyze()
        with tempfile.TemporaryDirectory() as directory:
            copy(Path(directory) / "warm")  # both read from memory
            limit = copy(Path(directory) / "copy")
            return [
                measure
                for kind in ("rankings", "pairs")
                for measure in _measure(kind, Path(directory) / kind, limit, rankings=tasks * labelers)
            ]


def rank_all() -> None:
    """Every labeler ranks every task, in one statement."""
    from django.db import connection, transaction  # noqa: PLC0415

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RANK)


def copy(path: Path) -> tuple[float, int]:
    """Postgres writes the records that a snapshot of the rankings holds; returns seconds and bytes."""
    from django.db import connection  # noqa: PLC0415

    began = perf_counter()
    with path.open("wb") as file, connection.cursor() as cursor:
        cursor.copy_expert(COPY, file)
    return perf_counter() - began, path.stat().st_size


def _measure(kind: str, directory: Path, limit: tuple[float, int], *, rankings: int) -> list[Measure]:
    from labeling.exports.services.snapshots import write_snapshot  # noqa: PLC0415  (needs Django set up)

    began = perf_counter()
    manifest = write_snapshot(directory, kinds=[kind])
    seconds = perf_counter() - began
    if sum(counts["rankings"] for counts in manifest.counts.values()) != rankings:
        raise RuntimeError(f"{rankings} rankings were to be exported, but the manifest says {manifest.counts}.")
    limit_seconds, limit_bytes = limit
    name = f"export of {rankings:,} rankings as {kind}"
    return [
        Measure(name=name, value=rankings / seconds, unit="rankings/s", better="more", limit=rankings / limit_seconds),
        Measure(
            name=name,
            value=manifest.bytes / seconds / 1e6,
            unit="MB/s",
            better="more",
            limit=limit_bytes / limit_seconds / 1e6,
        ),
    ]


if __name__ == "__main__":
    run(main)
