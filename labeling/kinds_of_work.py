"""Every kind of work that labelers do. Addresses, the start page, history and drafts are made from this list."""

from typing import Any

from django.http import HttpResponse

from labeling.base.states import CampaignStage
from labeling.desk.demonstrating.views import DemonstrationKind
from labeling.desk.models import Assignment
from labeling.desk.ranking.views import RankingKind
from labeling.desk.views.assignments import AssignmentPages
from labeling.desk.views.held_work import HeldPages
from labeling.desk.views.kinds import HandedOutKind, KindOfWork
from labeling.desk.views.revisions import RevisionPages
from labeling.onboarding.stages.services import end_practice
from labeling.quality.gold.views import page_of_answer
from labeling.writing.answers.views import ReturnedPages
from labeling.writing.chats.views import ChatKind
from labeling.writing.dialogues.views.dialogues import DialogueKind
from labeling.writing.edits.views import EditKind, page_of_edit
from labeling.writing.own_prompts.views import OwnPromptKind
from labeling.writing.views.compositions import CompositionPages
from labeling.writing.views.kinds import OwnKind


def after_ranking(assignment: Assignment) -> HttpResponse | None:
    """What is shown or asked between one ranking and the next: the right answer of gold, or the best to be improved."""
    page = page_of_answer(assignment)
    if assignment.campaign.stage == CampaignStage.PRACTICE:
        end_practice(assignment.labeler)  # the next one is real work already
    return page or page_of_edit(assignment)


RANKING = RankingKind(follow_up=after_ranking)

HANDED_OUT: tuple[HandedOutKind, ...] = (RANKING, DemonstrationKind())
BEGUN_BY_LABELERS: tuple[OwnKind, ...] = (DialogueKind(), ChatKind(), OwnPromptKind(), EditKind(ranking=RANKING))

_ALL: tuple[KindOfWork[Any], ...] = (*HANDED_OUT, *BEGUN_BY_LABELERS)
KINDS = {kind.name: kind for kind in _ALL}
PAGES: tuple[HeldPages[Any], ...] = (
    AssignmentPages(HANDED_OUT),
    RevisionPages(HANDED_OUT),
    ReturnedPages(),  # before the table of all own writing, which holds what was returned as well
    CompositionPages(BEGUN_BY_LABELERS),
)
