"""The satisfaction survey: asked once, kept without a name, shown when there are enough answers."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.base.refusals import AlreadyAnswered, LabelerNotActive, SurveyRefused
from labeling.models import Labeler, Survey, SurveyAnswer, SurveyParticipation
from labeling.pay.surveys.queries import results_of_survey
from labeling.pay.surveys.rules import FEWEST_ANSWERS, STATEMENTS
from labeling.pay.surveys.services import answer_survey, open_survey_round
from tests.labeling.admin_cast import admin_browser
from tests.labeling.base.test_postgres_constraints import refuses
from tests.labeling.cast import make_labeler
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

AGREE = dict.fromkeys(STATEMENTS, "4")


@pytest.fixture
def survey() -> Survey:
    return open_survey_round(name="Autumn", by=None)


def test_a_labeler_finds_it_and_answers_once(client: Client, alice: Labeler, survey: Survey) -> None:
    assert reverse("survey") in client.get("/").content.decode()
    half = client.post("/survey/", {"clear": "4", "comment": "Kept."})
    assert half.status_code == 422
    assert "Choose one of the five." in half.content.decode()
    assert "Kept." in half.content.decode()
    assert client.post("/survey/", AGREE | {"comment": "More breaks."})["Location"] == "/"
    assert reverse("survey") not in client.get("/").content.decode()
    again = client.post("/survey/", AGREE | {"clear": "1"})
    assert again.status_code == 200
    assert "You have answered this survey" in again.content.decode()
    assert "You have answered this survey" in client.get("/survey/").content.decode()
    assert [answer.clear for answer in SurveyAnswer.objects.all()] == [4]
    with pytest.raises(AlreadyAnswered):
        answer_survey(survey=survey, labeler=alice, says=dict.fromkeys(STATEMENTS, 1))


def test_nothing_tells_who_said_what(alice: Labeler, survey: Survey) -> None:
    answer_survey(survey=survey, labeler=alice, says=dict.fromkeys(STATEMENTS, 2), comment="Too long.")
    columns = {field.name for field in SurveyAnswer._meta.get_fields()}
    assert columns == {"id", "survey", "comment", *STATEMENTS}  # no labeler, no time
    assert {field.name for field in SurveyParticipation._meta.get_fields()} == {"id", "survey", "labeler"}
    refuses(lambda: SurveyAnswer.objects.update(clear=5), "never change")
    refuses(lambda: SurveyParticipation.objects.create(survey=survey, labeler=alice), "survey_answered_once")


def test_results_are_shown_from_five_answers_on(survey: Survey) -> None:
    page = reverse("admin:labeling_survey_change", args=[survey.pk])
    olga = admin_browser()
    for number in range(FEWEST_ANSWERS):
        html = compact(olga.get(page).content.decode())
        assert f"Not enough data: {FEWEST_ANSWERS - number} more answer" in html
        assert "Comment 0" not in html
        says: dict[str, int] = dict.fromkeys(STATEMENTS, 4) | {"repetitive": 1 + number % 2}
        answer_survey(survey=survey, labeler=make_labeler(f"labeler-{number}"), says=says, comment=f"Comment {number}.")
    html = compact(olga.get(page).content.decode())
    assert "Comment 0." in html
    assert "labeler-0" not in html
    repetitive = results_of_survey(survey).results[2]
    assert (repetitive.statement, repetitive.counts, repetitive.agreed) == ("repetitive", (0, 0, 0, 2, 3), 0)
    table = b"".join(olga.get(reverse("admin:labeling_survey_download", args=[survey.pk])).streaming_content)  # type: ignore[attr-defined]
    assert b"repetitive,0,0,0,2,3,0.0" in table


def test_one_round_is_open_at_a_time_and_asked_in_the_admin(client: Client, alice: Labeler) -> None:
    olga, address = admin_browser(), reverse("admin:labeling_survey_open")
    assert olga.post(address, {"name": "Autumn"}).status_code == 302
    assert "Close it first." in olga.post(address, {"name": "Winter"}).content.decode()
    first = Survey.objects.get()
    olga.post(reverse("admin:labeling_survey_close", args=[first.pk]))
    assert "No survey is open" in client.post("/survey/", AGREE).content.decode()
    with pytest.raises(SurveyRefused, match="closed"):
        answer_survey(survey=first, labeler=alice, says=dict.fromkeys(STATEMENTS, 1))
    assert olga.post(address, {"name": "Winter"}).status_code == 302
    assert Survey.objects.count() == 2


@pytest.mark.parametrize("wrong", [{}, {"clear": 4}, dict.fromkeys(STATEMENTS, 6)])
def test_what_is_no_answer_is_refused(alice: Labeler, survey: Survey, wrong: dict[str, Any]) -> None:
    with pytest.raises(SurveyRefused, match="from 1 to 5"):
        answer_survey(survey=survey, labeler=alice, says=wrong)
    assert not SurveyParticipation.objects.exists()  # so that they can still answer
    with pytest.raises(LabelerNotActive):
        answer_survey(survey=survey, labeler=make_labeler("robot", simulated=True), says=dict.fromkeys(STATEMENTS, 1))
