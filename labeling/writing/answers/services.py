"""The answers of own writing, revised by their labeler once a reviewer returned it, or fixed by a reviewer."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import AlreadySubmitted, EditRefused, EmptyText
from labeling.base.states import CompositionState
from labeling.base.text import clean_answer
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.rules.drafts import SentDraft
from labeling.people.models import Labeler
from labeling.writing.answers.queries import answers_of
from labeling.writing.models import Composition
from labeling.writing.services import CompositionTable


class ReturnedTable(CompositionTable):
    """Own writing that a reviewer returned: handed in, and open to its labeler until they revise or answer."""

    closed = {
        CompositionState.SUBMITTED: (AlreadySubmitted, "It is not with you any more; what was handed in counts."),
        CompositionState.DISCARDED: CompositionTable.closed[CompositionState.DISCARDED],
        CompositionState.OPEN: (AlreadySubmitted, "It was not handed in yet, so there is nothing to revise."),
    }

    def holds(self, *, labeler: Labeler, token: str) -> bool:
        return Composition.objects.filter(token=token, labeler=labeler, returned_at__isnull=False).exists()

    def is_open(self, held: Composition) -> bool:
        return held.returned_at is not None


RETURNED = ReturnedTable()


@transaction.atomic
def revise_answers(
    *, labeler: Labeler, token: str, texts: Sequence[str], active_seconds: float, sent: SentDraft | None = None
) -> list[Demonstration]:
    """Hands in the answers of returned writing anew, in the order of `answers_of`; a reviewer looks again.

    Returns the revisions of those that changed. Raises EditRefused (nothing was changed), EmptyText, UnstorableText,
    DraftConflict, LabelerNotActive, CampaignNotOpen, AlreadySubmitted (it is not returned), Composition.DoesNotExist.
    """
    composition = RETURNED.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    revised = _write(composition, texts, active_seconds=active_seconds)
    if not revised:
        raise EditRefused("Nothing was changed.")
    composition.returned_at = None
    composition.save(update_fields=["returned_at"])
    return revised


@transaction.atomic
def fix_answers(*, composition: Composition, texts: Sequence[str], by: User) -> list[Demonstration]:
    """Adds revisions that `by` writes in the labeler's place; what the labeler wrote stays before them.

    Returns those of the answers that changed. Raises EmptyText, UnstorableText.
    """
    while_no_export_looks()
    locked = Composition.objects.select_for_update(of=("self",), no_key=True).select_related("labeler")
    return _write(locked.get(pk=composition.pk), texts, active_seconds=0.0, fixed_by=by)


def _write(
    composition: Composition, texts: Sequence[str], *, active_seconds: float, fixed_by: User | None = None
) -> list[Demonstration]:
    cleaned = [clean_answer(text) for text in texts]
    if not all(cleaned):
        raise EmptyText("An answer is empty.")
    answers = answers_of(composition)
    changed = [(answer, text) for answer, text in zip(answers, cleaned, strict=True) if text != answer.text]
    return [
        Demonstration.objects.create(
            prompt_id=answer.prompt_id,
            labeler=composition.labeler,
            source=answer.source,
            revision=answer.revision + 1,
            text=text,
            instruction_version_id=composition.instruction_version_id,
            active_seconds=max(0.0, active_seconds) / len(changed),
            labeler_group=composition.labeler.group,
            simulated=composition.labeler.simulated,
            fixed_by=fixed_by,
        )
        for answer, text in changed
    ]
