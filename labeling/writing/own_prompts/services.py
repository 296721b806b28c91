"""Prompts that labelers think of themselves, handed in: stored as written, and expanded into prompts to label."""

from django.db import transaction

from labeling.base.refusals import StatementGone
from labeling.base.states import LabelerGroup, UseCase
from labeling.base.text import clean_answer, clean_text
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt, split_where_begun
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.rules.drafts import SentDraft
from labeling.people.models import Labeler
from labeling.writing.models import Composition
from labeling.writing.own_prompts.models import OwnPrompt, OwnPromptExample
from labeling.writing.own_prompts.rules import KINDS, Example, OwnWriting, examples_of
from labeling.writing.services import COMPOSITIONS, close_submitted


@transaction.atomic
def submit_own_prompt(
    *, labeler: Labeler, token: str, writing: OwnWriting, active_seconds: float, sent: SentDraft | None = None
) -> OwnPrompt:
    """Hands a faultless own prompt in (own_prompts.faults_of), as one prompt, or as one for each few-shot pair.

    All of them are in one split, for each shows the others' queries as its context. Raises PromptRefused (a
    near-duplicate, too many prompts), StatementGone, DraftConflict, LabelerNotActive, CampaignNotOpen,
    AlreadySubmitted, AlreadyDiscarded, Composition.DoesNotExist.
    """
    composition = COMPOSITIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    own = _store(composition, writing)
    examples = examples_of(writing)
    split = split_where_begun([example.messages for example in examples])
    for number, example in enumerate(examples, start=1):
        prompt = _prompt_of(own, example, split)
        OwnPromptExample.objects.create(own_prompt=own, number=number, prompt=prompt)
        if example.answer.strip():
            _demonstrate(own, prompt, example.answer, max(0.0, active_seconds) / len(examples))
    close_submitted(composition, active_seconds=active_seconds)
    return own


def _store(composition: Composition, writing: OwnWriting) -> OwnPrompt:
    is_few_shot = writing.kind == "few_shot"
    statement = writing.statement if writing.kind == "user_based" else ""
    if statement not in ["", *composition.statements()] or (writing.kind == "user_based" and not statement):
        raise StatementGone(f"“{composition.campaign}” did not show this use case.")
    return OwnPrompt.objects.create(
        composition=composition,
        source=KINDS[writing.kind],
        use_case=writing.use_case,
        language=writing.language,
        text=clean_text(writing.instruction if is_few_shot else writing.prompt),
        pairs=[
            {"query": clean_text(pair.query), "response": clean_answer(pair.response)}
            for pair in (writing.written_pairs() if is_few_shot else [])
        ],
        statement=statement,
    )


def _prompt_of(own: OwnPrompt, example: Example, split: str | None) -> Prompt:
    composition = own.composition
    labeler = composition.labeler
    # Held-out labelers produce no training data, so nobody is asked to label what they wrote.
    nobody = 0 if labeler.group == LabelerGroup.HELD_OUT else None
    return add_prompt(
        campaign=composition.campaign,
        messages=example.messages,
        submitter=labeler.pseudonym,
        source=KINDS_BY_VALUE[own.source],
        use_case=UseCase(own.use_case),
        language=own.language,
        author=labeler,
        # Whoever has written the ideal answer already must not be asked for it again.
        demonstrations_needed=0 if example.answer.strip() else nobody,
        ranking_tasks_needed=nobody,
        split=split,
    )


KINDS_BY_VALUE = {source.value: source for source in KINDS.values()}


def _demonstrate(own: OwnPrompt, prompt: Prompt, answer: str, active_seconds: float) -> None:
    composition = own.composition
    Demonstration.objects.create(
        prompt=prompt,
        labeler=composition.labeler,
        text=clean_answer(answer),
        instruction_version_id=composition.instruction_version_id,
        active_seconds=active_seconds,
        labeler_group=composition.labeler.group,
        simulated=composition.labeler.simulated,
    )
