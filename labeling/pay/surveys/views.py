"""The survey's page: asked once, thanked for, and kindly refused a second time."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.refusals import AlreadyAnswered, SurveyRefused
from labeling.base.states import LabelerState
from labeling.base.text import UnstorableText
from labeling.pay.surveys.forms import SurveyForm
from labeling.pay.surveys.queries import open_survey, survey_to_answer
from labeling.pay.surveys.services import answer_survey
from labeling.people.views.access import LabelerRequest, labeler_page, not_active


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def survey(request: LabelerRequest) -> HttpResponse:
    if request.labeler.state != LabelerState.ACTIVE:
        return not_active(request, request.labeler)
    asked = open_survey()
    if asked is None:
        return _told(
            request, _("No survey is open"), _("Thank you for looking. You'll find the next one on your start page.")
        )
    if request.method != "POST":
        if survey_to_answer(request.labeler) is None:
            return _answered(request)
        return render(request, "pay/survey.html", {"form": SurveyForm(), "survey": asked})
    form = SurveyForm(request.POST)
    if not form.is_valid():
        return render(request, "pay/survey.html", {"form": form, "survey": asked}, status=422)
    try:
        answer_survey(survey=asked, labeler=request.labeler, says=form.says(), comment=form.cleaned_data["comment"])
    except AlreadyAnswered:
        return _answered(request)
    except UnstorableText as wrong:
        form.add_error("comment", str(wrong))
        return render(request, "pay/survey.html", {"form": form, "survey": asked}, status=422)
    except SurveyRefused:
        text = _("It was closed in this moment, so your answers were not kept. Thank you all the same.")
        return _told(request, _("The survey is closed"), text)
    messages.success(request, _("Thank you. Your answers are kept without your name."))
    return redirect("overview")


def _answered(request: LabelerRequest) -> HttpResponse:
    text = _("Your first answers count. Since they are kept without your name, nobody can change them, not even you. "
             "To add something, write to an admin or wait for the next survey.")  # fmt: skip
    return _told(request, _("You have answered this survey"), text)


def _told(request: LabelerRequest, title: str, text: str) -> HttpResponse:
    back = Action(label=_("Back to the overview"), url=reverse("overview"))
    return show_interruption(request, Interruption(title=title, text=text, icon="check", actions=[back]))
