"""Surveys: opened, answered once by each labeler, closed."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.base.refusals import AlreadyAnswered, LabelerNotActive, SurveyRefused
from labeling.base.states import LabelerState, SurveyState
from labeling.base.text import clean_text
from labeling.pay.surveys.models import Survey, SurveyAnswer, SurveyParticipation
from labeling.pay.surveys.rules import SCALE, STATEMENTS
from labeling.people.models import Labeler


@transaction.atomic
def open_survey_round(*, name: str, by: User | None) -> Survey:
    """Raises SurveyRefused: another one is open, or it has no name."""
    if not name.strip():
        raise SurveyRefused("Give the round a name, such as Autumn 2026.")
    try:
        with transaction.atomic():
            return Survey.objects.create(name=name.strip(), opened_by=by)
    except IntegrityError as other:
        raise SurveyRefused("Another round is open. Close it first.") from other


@transaction.atomic
def close_survey(*, survey: Survey) -> None:
    """Raises IllegalMove."""
    survey.move(to=SurveyState.CLOSED, closed_at=timezone.now())


@transaction.atomic
def answer_survey(*, survey: Survey, labeler: Labeler, says: Mapping[str, int], comment: str = "") -> None:
    """Keeps what somebody said apart from who they are, once.

    Raises AlreadyAnswered, SurveyRefused: it was closed, or not every statement has an answer; LabelerNotActive;
    UnstorableText.
    """
    survey = Survey.objects.select_for_update(no_key=True).get(pk=survey.pk)
    if labeler.simulated or labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive(f"Labeler {labeler.pk} is {labeler.state}; surveys are for people at work.")
    if survey.state != SurveyState.OPEN:
        raise SurveyRefused(f"“{survey}” was closed. Thank you all the same; nothing was kept of this.")
    if set(says) != set(STATEMENTS) or not set(says.values()) <= set(SCALE):
        raise SurveyRefused("Say something to each statement, from 1 to 5.")
    _, is_first = SurveyParticipation.objects.get_or_create(survey=survey, labeler=labeler)
    if not is_first:
        raise AlreadyAnswered(f"Labeler {labeler.pk} answered “{survey}” before; the first answers count.")
    SurveyAnswer.objects.create(survey=survey, comment=clean_text(comment).strip(), **says)
