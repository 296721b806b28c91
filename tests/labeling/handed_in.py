"""Work that labelers hand in, and the files that it ends up in: for the tests of exports."""

import json
from itertools import count, islice
from pathlib import Path
from typing import Any

from labeling.base.states import CompositionKind
from labeling.campaigns.rules.splits import split_of
from labeling.desk.demonstrating.services import fields_of_demonstration, submit_demonstration
from labeling.desk.ranking.services import Judgement, fields_of_ranking, submit_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.revisions import start_revision
from labeling.models import Assignment, Campaign, Labeler, ModelVersion, OwnPrompt, Ranking, RankingTask
from labeling.writing.dialogues.rules import Turn
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.own_prompts.rules import OwnWriting
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request, request_suggestions
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.scripted_sampler import ScriptedSampler


def judgements(assignment: Assignment, ranks: list[int], **what: Any) -> list[Judgement]:
    """`ranks` are those of the completions in the order of their ids, whatever order the labeler saw."""
    by_id = dict(zip(sorted(assignment.shown_order), ranks, strict=True))
    return [
        Judgement(shown_position=position, rank=by_id[completion_id], **what)
        for position, completion_id in enumerate(assignment.shown_order, start=1)
    ]


def rank(
    labeler: Labeler,
    ranks: list[int],
    *,
    strengths: list[int] | None = None,
    none_acceptable: bool = False,
    **what: Any,
) -> Ranking:
    """The labeler ranks the next task."""
    assignment = claim_ranking(labeler=labeler)
    assert assignment is not None
    return submit_ranking(
        labeler=labeler,
        token=str(assignment.token),
        judgements=judgements(assignment, ranks, **what),
        active_seconds=91.5,
        strengths=strengths,
        none_acceptable=none_acceptable,
    )


def write(labeler: Labeler, text: str) -> Assignment:
    """The labeler writes the next demonstration."""
    assignment = claim_demonstration(labeler=labeler)
    assert assignment is not None
    submit_demonstration(labeler=labeler, token=str(assignment.token), text=text, active_seconds=240)
    return assignment


def talk(labeler: Labeler, campaign: Campaign) -> None:
    """A dialogue handed in, whose answer is an edited suggestion."""
    model, _ = ModelVersion.objects.get_or_create(
        name="talker", defaults={"kind": "sft", "path": "/talker", "state": "current"}
    )
    begun = start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.DIALOGUE)
    question = f"Who are you, {labeler}?"
    asked = request_suggestions(
        labeler=labeler, token=str(begun.token), position=2, messages=[{"role": "user", "content": question}]
    )
    answer_request(request_id=asked.pk, model=model, sampler=ScriptedSampler("A model.", "Nobody."))
    answer = Turn(role="assistant", text="A language model.", suggestion=f"{asked.token}/1")
    submit_dialogue(
        labeler=labeler,
        token=str(begun.token),
        language="en",
        turns=[Turn(role="user", text=question), answer],
        active_seconds=9,
    )


def in_split(split: str, how_many: int = 1) -> list[str]:
    """Names of submitters whose prompts are all in this split."""
    names = (f"submitter-{number}" for number in count())
    return list(islice((name for name in names if split_of(name) == split), how_many))


def a_task(split: str = "train", **fields: Any) -> RankingTask:
    """Ready to be ranked: Red, Green, Blue or Grey."""
    campaign = fields.pop("campaign", None) or make_campaign()
    prompt = make_prompt(campaign, submitter=in_split(split)[0], **fields)
    return make_ready_task(prompt, texts=["Red.", "Green.", "Blue.", "Grey."])


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    """The records of one file of a snapshot."""
    return [json.loads(line) for line in (directory / name).read_text(encoding="utf-8").splitlines()]


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def reopened(labeler: Labeler, assignment: Assignment) -> str:
    """The token of a revision that the labeler begins of what they handed in."""
    fields_of = fields_of_ranking if assignment.task_id else fields_of_demonstration
    return str(start_revision(labeler=labeler, token=str(assignment.token), fields_of=fields_of).token)


def ask(labeler: Labeler, campaign: Campaign) -> OwnPrompt:
    """Hands a prompt of the labeler's own in."""
    begun = start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.OWN_PROMPT)
    writing = OwnWriting(prompt=f"What would {labeler} ask?", use_case="open_qa", language="en")
    return submit_own_prompt(labeler=labeler, token=str(begun.token), writing=writing, active_seconds=1.0)
