"""Rounds of the survey and what was said in them, without a name."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import text
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.csv_tables import Cell, csv_response
from labeling.base.states import SurveyState
from labeling.pay.surveys.forms import ANSWERS, WORDS
from labeling.pay.surveys.models import Survey
from labeling.pay.surveys.queries import results_of_survey
from labeling.pay.surveys.rules import INSTRUCTGPT_AGREED, SCALE
from labeling.pay.surveys.services import close_survey, open_survey_round


class SurveyForm(forms.Form):
    name = text(lazy("Name"), max_length=100, help_text=lazy("Such as: Autumn 2026. Labelers read it."))


@admin.register(Survey)
class SurveyAdmin(RecordAdmin):
    list_display = (
        shown("name", lazy("Name")), "show_state", "answered", shown("opened_at", lazy("Opened")),
        shown("closed_at", lazy("Closed")),
    )  # fmt: skip
    search_fields = ("name",)
    fields = ("name", "state", "opened_by", "opened_at", "closed_at")
    change_form_outer_before_template = "pay/admin/survey.html"
    actions_list = ("open",)
    actions_detail = ("close", "download")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Survey]:
        found: QuerySet[Survey] = super().get_queryset(request)
        return found.annotate(how_many=Count("answers"))

    def page_context(self, request: HttpRequest, survey: Survey) -> dict[str, Any]:
        results = results_of_survey(survey)
        rows = [
            (WORDS[each.statement], list(zip(each.counts, each.percents, strict=True)), each.agreed,
             INSTRUCTGPT_AGREED[each.statement])
            for each in results.results
        ]  # fmt: skip
        return super().page_context(request, survey) | {
            "survey": survey,
            "results": results,
            "rows": rows,
            "answers": [ANSWERS[value] for value in SCALE],
        }

    def buttons_for(self, row: Survey) -> Iterable[str]:
        has_results = bool(results_of_survey(row).results)
        return [*(["close"] if row.state == SurveyState.OPEN else []), *(["download"] if has_results else [])]

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, survey: Survey) -> tuple[str, str]:
        return state_label(survey)

    @column(lazy("Answers"), ordering="how_many")
    def answered(self, survey: Any) -> int:
        count: int = survey.how_many
        return count

    @button(lazy("Ask labelers"), icon="sentiment_satisfied", primary=True)
    def open(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            survey = open_survey_round(name=cleaned["name"], by=request.user)  # type: ignore[arg-type]  # staff
            self.log_addition(request, survey, [{"added": {}}])
            return _("Labelers find “%(survey)s” on their start page.") % {"survey": survey}

        confirmation = Confirmation(
            title=_("Ask labelers how they find their work"),
            consequences=[
                _("The five statements of InstructGPT's survey, and room for a comment. Each labeler may answer once; "
                  "answers are kept without a name, and shown from five on."),
            ],
            button=_("Ask labelers"),
            back=reverse("admin:labeling_survey_changelist"),
            form=SurveyForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Close"), icon="stop")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        survey = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            close_survey(survey=survey)
            return _("“%(survey)s” is closed.") % {"survey": survey}

        confirmation = Confirmation(
            title=_("Close “%(survey)s”?") % {"survey": survey},
            consequences=[_("Nobody can answer it any more, and it can't be opened again.")],
            button=_("Close"),
            back=self.page_of(survey),
            about=[survey],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("CSV"), icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        survey = self.find(request, object_id)
        header = ("statement", *(f"answered_{value}" for value in SCALE), "percent_agreed")
        rows: Iterator[list[Cell]] = (
            [each.statement, *each.counts, round(each.agreed, 1)] for each in results_of_survey(survey).results
        )
        return csv_response(f"survey-{survey.pk}.csv", header, rows)
