"""Open-Assistant's rankings brought in, handed in and taken out again by the services that the pages call.

Imports models, so it is imported only where Django is set up (benchmarks/harness/scratch.py).
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.training.oasst import RankedReplies
from labeling.base.states import CampaignState, LabelerState
from labeling.campaigns.services.campaigns import acknowledge, change_campaign_state, create_campaign
from labeling.campaigns.services.starter import starter_flags, starter_instructions
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.exports.services.snapshots import write_snapshot
from labeling.imports.rules.outcome import ImportResult
from labeling.imports.rules.reading import read_prompts
from labeling.imports.services.taking_in import import_rows
from labeling.models import Assignment, Campaign, Completion, Labeler
from labeling.people.services import create_labeler
from lm.snapshot.records.constants import RANKED_LOWEST

Ranks = Mapping[tuple[str, ...], int]


def label(rankings: Sequence[RankedReplies], snapshot: Path) -> dict[str, int]:
    """Writes the snapshot; returns how many rankings there were, came in and were refused.

    Raises RuntimeError when one is lost on the way.
    """
    campaign = _campaign()
    imported = _import(campaign, rankings)
    handed_in = _hand_in(campaign, rankings)
    manifest = write_snapshot(snapshot, kinds=["rankings"])
    exported = sum(counts["rankings"] for counts in manifest.counts.values())
    if not exported == handed_in == imported.ranking_tasks:
        raise RuntimeError(f"{imported.ranking_tasks} came in, {handed_in} were handed in and {exported} came out.")
    return {"in the trees": len(rankings), "imported": exported, "refused": imported.refused.count}


def _campaign() -> Campaign:
    campaign = create_campaign(
        slug="open-assistant",
        name="Open-Assistant",
        languages=["en"],
        instructions=starter_instructions(),
        flags=starter_flags(),
        rankings_per_task=1,
        shared_percent=0,
        ready_minutes=0,
    )
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    return campaign


def _import(campaign: Campaign, rankings: Sequence[RankedReplies]) -> ImportResult:
    lines = [json.dumps(_line(one), ensure_ascii=False) for one in rankings]
    file = io.BytesIO("\n".join(lines).encode())
    return import_rows(campaign, read_prompts(file, filename="trees.jsonl"), keep_good=True)


def _line(one: RankedReplies) -> dict[str, Any]:
    """The import wants RANKED_LOWEST texts and counts equal ones once, so a shorter list repeats its last."""
    texts = (*one.replies, *one.replies[-1:] * (RANKED_LOWEST - len(one.replies)))
    return {
        "messages": list(one.messages),
        "submitter": one.tree,
        "language": "en",
        "use_case": "other",
        "completions": [{"text": text, "model": "open-assistant"} for text in texts],
    }


def _hand_in(campaign: Campaign, rankings: Sequence[RankedReplies]) -> int:
    """How many one labeler finds to do."""
    labeler = create_labeler(username="open-assistant", password=None, languages=["en"], state=LabelerState.ACTIVE)
    acknowledge(labeler=labeler, instruction_version=campaign.instruction_versions.get())
    ranks = {
        _key(one.messages, text): rank for one in rankings for text, rank in zip(one.replies, one.ranks, strict=True)
    }
    done = 0
    while (assignment := claim_ranking(labeler=labeler)) is not None:
        _submit(labeler, assignment, ranks)
        done += 1
    return done


def _submit(labeler: Labeler, assignment: Assignment, ranks: Ranks) -> None:
    assert assignment.task is not None  # a ranking has its task
    texts = dict(Completion.objects.filter(task=assignment.task).values_list("pk", "text"))
    judgements = [
        Judgement(shown_position=position, rank=ranks[_key(assignment.task.prompt.messages, texts[completion])])
        for position, completion in enumerate(assignment.shown_order, start=1)
    ]
    submit_ranking(labeler=labeler, token=str(assignment.token), judgements=judgements, active_seconds=0)


def _key(messages: Sequence[Mapping[str, str]], text: str) -> tuple[str, ...]:
    """A reply's place in the trees, whatever an import does to white space."""
    return tuple(" ".join(part.split()) for part in (*(message["content"] for message in messages), text))
