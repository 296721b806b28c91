"""What a service refuses is read in the admin's own language."""

import inspect
from pathlib import Path

from django.utils import translation

from labeling.base import refusals
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.states import CampaignState, IllegalMove, check_move
from tests.labeling.refusals_said import refusals_said

LABELING = Path(__file__).resolve().parents[3] / "labeling"
OF_PEOPLE_AT_WORK = {"desk/demonstrating", "desk/services", "writing", "pay/surveys"}
"""Their pages have words of their own for each kind of refusal."""
OF_PROGRAMS = {"api", "serving", "rewards/services", "worker_models.py", "imports", "model_versions/services/trying.py"}
"""Answered in English, or read where tests/labeling/imports/test_sentences.py looks."""
OF_OTHER_PAGES = {"DraftConflict", "PromptRefused", "InvalidCompletions", "InvitationGone", "SecondFactorRefused"}
CLASSES = {name for name, kind in inspect.getmembers(refusals, inspect.isclass)} - OF_OTHER_PAGES
PARTS = {"with_one": "", "by_way": "", "by": " by 7"}


def test_every_refusal_that_the_admin_shows_has_its_sentence_in_chinese() -> None:
    elsewhere = tuple(str(LABELING / each) for each in OF_PEOPLE_AT_WORK | OF_PROGRAMS)
    paths = [path for path in sorted(LABELING.rglob("*.py")) if not str(path).startswith(elsewhere)]
    of_reading = "There is no such choice of how to read: 7. Reload the page."  # a script's answer
    said = {text.replace("written.7", "written.") for text in refusals_said(paths, CLASSES, PARTS)} - {of_reading}
    assert len(said) > 90
    with translation.override("zh-hans"):
        assert {text for text in said if refusal_in_words(ValueError(text)) == text} == set()


def test_a_move_that_is_not_legal_is_told_in_chinese() -> None:
    try:
        check_move(old=CampaignState.CLOSED, new=CampaignState.DRAFT)
    except IllegalMove as refused:
        with translation.override("zh-hans"):
            assert "不能变成 draft" in refusal_in_words(refused)
    else:
        raise AssertionError("it was taken for legal")
