"""Which survey a labeler is asked, and what all of them said."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from labeling.base.states import LabelerState, SurveyState
from labeling.pay.surveys.models import Survey, SurveyAnswer, SurveyParticipation
from labeling.pay.surveys.rules import FEWEST_ANSWERS, STATEMENTS, Result, results_of
from labeling.people.models import Labeler


def open_survey() -> Survey | None:
    return Survey.objects.filter(state=SurveyState.OPEN).first()


def survey_to_answer(labeler: Labeler) -> Survey | None:
    """The open survey, for people at work who have not answered it yet."""
    if labeler.simulated or labeler.state != LabelerState.ACTIVE:
        return None
    answered = SurveyParticipation.objects.filter(survey=OuterRef("pk"), labeler=labeler)
    return Survey.objects.filter(~Exists(answered), state=SurveyState.OPEN).first()


@dataclass(frozen=True, kw_only=True)
class Results:
    """`results` is empty and `comments` are not told while there are fewer than FEWEST_ANSWERS."""

    answers: int
    results: list[Result]
    comments: list[str]

    @property
    def missing(self) -> int:
        return max(0, FEWEST_ANSWERS - self.answers)


def results_of_survey(survey: Survey) -> Results:
    """Comments come in the order of their random numbers."""
    answers = list(SurveyAnswer.objects.filter(survey=survey).order_by("pk").values(*STATEMENTS, "comment"))
    if len(answers) < FEWEST_ANSWERS:
        return Results(answers=len(answers), results=[], comments=[])
    return Results(
        answers=len(answers),
        results=results_of(answers),
        comments=[answer["comment"] for answer in answers if answer["comment"]],
    )
