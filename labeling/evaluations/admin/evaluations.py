"""Evaluations: planned, started, looked at, stopped; the candidate promoted."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.filters import by_choice
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.admin.tables import csv_of
from labeling.base.states import EvaluationState, ModelState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.managers.queries import campaigns_of
from labeling.evaluations.admin.tables import names_of, tables_of
from labeling.evaluations.admin.words import (
    baseline_of,
    found_in_words,
    note_in_words,
    verdict_in_words,
    warnings_in_words,
)
from labeling.evaluations.forms import PlanForm, what_is_planned
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.figures import figures_of
from labeling.evaluations.rules.gate import Decision
from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.promoting import promote_candidate, why_not_promoted
from labeling.evaluations.services.running import start_evaluation, stop_evaluation
from labeling.model_versions.queries import current_sft_model
from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS


@admin.register(Evaluation)
class EvaluationAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("source",)
    list_display = (
        "name", "show_state", shown("candidate", lazy("Candidate")), "against", "win_rate",
        shown("started_at", lazy("Started")),
    )  # fmt: skip
    list_filter = by_choice("state", "verdict")
    list_select_related = ("candidate", "baseline")
    search_fields = ("name", "candidate__name", "baseline__name")
    change_form_outer_before_template = "evaluations/admin/evaluation.html"
    fields = (
        "source", "campaign", "candidate", "baseline", "others", "demonstrations", "split", "held_out_only",
        "rankings_per_prompt", "promote_automatically", "show_note", "planned_by", "created_at", "started_at",
        "ended_at",
    )  # fmt: skip
    readonly_fields = ("show_note",)
    actions_list = ("plan",)
    actions_detail = ("start", "promote", "stop")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        wanted = request.GET.get("csv")
        if request.method == "GET" and wanted and self.has_view_permission(request):
            evaluation = self.find(request, object_id)
            for table in tables_of(figures_of(evaluation), names_of(evaluation)):
                if table.key == wanted:
                    return csv_of(table)
            raise Http404
        return super().change_view(request, object_id, form_url, extra_context)

    def page_context(self, request: HttpRequest, evaluation: Evaluation) -> dict[str, Any]:
        started = evaluation.campaign_id is not None
        return super().page_context(request, evaluation) | {
            "evaluation": evaluation,
            "state_colour": STATE_COLOURS[evaluation.state],
            "verdict": verdict_in_words(evaluation),
            "found": found_in_words(evaluation),
            "warnings": warnings_in_words(evaluation),
            "fewest": FEWEST_PROMPTS,
            "tables": tables_of(figures_of(evaluation), names_of(evaluation)) if started else [],
        }

    def buttons_for(self, row: Evaluation) -> Iterable[str]:
        if row.state == EvaluationState.PLANNED:
            return ["start", "stop"]
        if row.state == EvaluationState.RUNNING:
            return ["stop"]
        return [] if why_not_promoted(row) else ["promote"]

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, evaluation: Evaluation) -> tuple[str, str]:
        return state_label(evaluation, "verdict" if evaluation.verdict else "state")

    @column(lazy("Note"))
    def show_note(self, evaluation: Evaluation) -> str:
        return note_in_words(evaluation)

    @column(lazy("Against"), ordering="baseline")
    def against(self, evaluation: Evaluation) -> str:
        return baseline_of(evaluation)

    @column(lazy("Win rate"))
    def win_rate(self, evaluation: Evaluation) -> str:
        decision: Decision | None = evaluation.decision
        if not decision or decision["prompts"] < FEWEST_PROMPTS:
            return _("not enough data")
        return f"{decision['win_rate']:.1%} ({decision['low']:.1%} – {decision['high']:.1%})"

    @button(lazy("Plan an evaluation"), icon="balance", primary=True)
    def plan(self, request: HttpRequest) -> HttpResponse:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        made: list[Evaluation] = []

        def act(cleaned: dict[str, Any]) -> str:
            made.append(plan_evaluation(**what_is_planned(cleaned), by=request.user))  # type: ignore[arg-type]
            self.log_addition(request, made[0], [{"added": {}}])
            return _("“%(evaluation)s” is planned with %(size)d prompts. Look it over, then start it.") % {
                "evaluation": made[0], "size": made[0].size,
            }  # fmt: skip

        confirmation = Confirmation(
            title=_("Plan an evaluation"),
            consequences=[
                _("People rank the answers of models to prompts that no model has learned from, without knowing whose "
                  "they are. How many prompts that takes is worked out from what you want to find. Nothing is asked "
                  "before you start it on its page."),
            ],
            button=_("Plan"),
            back=reverse("admin:labeling_evaluation_changelist"),
            form=partial(PlanForm, campaigns=campaigns_of(request.user), initial={"baseline": _current()}),
        )  # fmt: skip
        answer = confirm(self, request, confirmation, act)
        return HttpResponseRedirect(self.page_of(made[0])) if made else answer

    @button(lazy("Start"), icon="play_arrow", primary=True)
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        evaluation = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            start_evaluation(evaluation=evaluation)
            return _("“%(evaluation)s” is running.") % {"evaluation": evaluation}

        confirmation = Confirmation(
            title=_("Start “%(evaluation)s”?") % {"evaluation": evaluation},
            consequences=[
                _("A campaign is opened in which labelers rank the answers of these models to held-out prompts. They "
                  "don’t see which model gave which, and the order is drawn anew for each of them. Its rankings are "
                  "never trained on."),
                _("They read the instructions of “%(campaign)s”. To have them judge by others (InstructGPT’s final "
                  "evaluations put truth and harmlessness first), publish these on the new campaign’s page.")
                % {"campaign": evaluation.source},
                *warnings_in_words(evaluation),
            ],
            button=_("Start"),
            back=self.page_of(evaluation),
            about=[evaluation],
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Promote"), icon="upgrade", primary=True)
    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        evaluation = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            version = promote_candidate(evaluation=evaluation)
            if version.state == ModelState.CURRENT:
                return _("“%(version)s” is current.") % {"version": version}
            return _("“%(version)s” becomes current as soon as a worker has used it once.") % {"version": version}

        confirmation = Confirmation(
            title=_("Promote “%(version)s”?") % {"version": evaluation.candidate},
            consequences=[
                verdict_in_words(evaluation) or _("It has no verdict."),
                _("All that is sampled comes from it from then on. The one before it is retired; rolling back brings "
                  "it back."),
            ],
            button=_("Promote"),
            back=self.page_of(evaluation),
            about=[evaluation],
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Stop"), icon="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        evaluation = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            stop_evaluation(evaluation=evaluation, reason=cleaned["reason"])
            return _("“%(evaluation)s” is stopped.") % {"evaluation": evaluation}

        confirmation = Confirmation(
            title=_("Stop “%(evaluation)s”?") % {"evaluation": evaluation},
            consequences=[_("It ends without a verdict and is not taken up again. What was judged stays.")],
            button=_("Stop"),
            back=self.page_of(evaluation),
            about=[evaluation],
            form=ReasonForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)


def _current() -> int | None:
    current = current_sft_model()
    return current.pk if current else None
