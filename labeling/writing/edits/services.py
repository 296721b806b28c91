"""The best completion of a ranking, improved by whoever ranked it: a demonstration that is better than all of them."""

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import EditAlreadyRanked, EditRefused, EmptyText
from labeling.base.states import CompositionKind
from labeling.base.text import clean_answer
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.rules.drafts import SentDraft
from labeling.people.models import Labeler
from labeling.ranking_tasks.rules import text_key
from labeling.writing.models import Composition
from labeling.writing.services import COMPOSITIONS, close_submitted


@transaction.atomic
def offer_edit(*, ranking: Ranking) -> Composition | None:
    """The writing in which the best can be improved, the same one every time; None where the campaign doesn't ask."""
    campaign = ranking.task.campaign
    if not campaign.ask_edit:
        return None
    composition, _new = Composition.objects.get_or_create(
        ranking=ranking,
        defaults={
            "labeler_id": ranking.labeler_id,
            "campaign": campaign,
            "kind": CompositionKind.EDIT,
            "languages": [ranking.task.language],
            "instruction_version_id": ranking.instruction_version_id,
            "started_at": timezone.now(),
        },
    )
    return composition


@transaction.atomic
def submit_edit(
    *,
    labeler: Labeler,
    token: str,
    shown_position: int,
    text: str,
    active_seconds: float,
    sent: SentDraft | None = None,
) -> Demonstration:
    """Hands in the improved text of the completion shown at `shown_position`.

    Raises EditRefused, EditAlreadyRanked, EmptyText, UnstorableText, DraftConflict, LabelerNotActive, CampaignNotOpen,
    AlreadySubmitted, AlreadyDiscarded, Composition.DoesNotExist.
    """
    composition = COMPOSITIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    ranking = composition.ranking
    assert ranking is not None  # a CHECK constraint: every edit has its ranking
    best = ranking.ranked_completions.select_related("completion").filter(rank=1, shown_position=shown_position).first()
    if best is None:
        raise EditRefused(f"What was shown at {shown_position} is not among the best of ranking {ranking.pk}.")
    text = clean_answer(text)
    if not text:
        raise EmptyText("The improved text is empty.")
    if text_key(text) == best.completion.text_key:
        raise EditRefused("Nothing was changed.")
    _refuse_ranked(best, text)
    demonstration = Demonstration.objects.create(
        prompt_id=ranking.task.prompt_id,
        labeler=labeler,
        ranking=ranking,
        edited_completion=best.completion,
        source="edit",
        text=text,
        instruction_version_id=composition.instruction_version_id,
        active_seconds=max(0.0, active_seconds),
        labeler_group=labeler.group,
        simulated=labeler.simulated,
    )
    close_submitted(composition, active_seconds=active_seconds)
    return demonstration


def _refuse_ranked(best: RankedCompletion, text: str) -> None:
    """Raises EditAlreadyRanked for the text of another completion: it can't be better than itself."""
    others = RankedCompletion.objects.filter(ranking=best.ranking_id, completion__text_key=text_key(text))
    same = others.exclude(pk=best.pk).first()
    if same is not None:
        raise EditAlreadyRanked(
            f"It is what was shown at {same.shown_position}, which ranking {best.ranking_id} has at rank {same.rank}.",
            shown_position=same.shown_position,
        )
