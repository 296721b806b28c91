"""Training runs: asked for, followed while they go on, compared with the current model, ended if they hang."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.charts import LineChart, line_chart, smoothed
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm, choice, long_text, switch
from labeling.base.admin.filters import by_choice, by_relation, yes_or_no
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import RunState
from labeling.model_versions.admin.versions import reward_models
from labeling.model_versions.models import RewardModel
from labeling.training.admin.decisions import decision_in_words
from labeling.training.admin.measures import compared
from labeling.training.admin.promotions import numbers_of
from labeling.training.admin.provenance import evaluation_context
from labeling.training.admin.sentences import failure_in_words, trigger_in_words
from labeling.training.models import TrainingRun
from labeling.training.queries import Progress, progress_of, runs_with_last_step
from labeling.training.services.requesting import QUEUED_RUNS, request_retraining
from labeling.training.services.runs import fail_run
from labeling.training.services.trainer_process import tail

LOG_LINES = 60


class RetrainForm(forms.Form):
    reward_model = choice(lazy("Reward model"), reward_models, required=False)
    note = long_text(lazy("Note"), required=False, rows=2, help_text=lazy("Why now, for whoever looks at it later."))
    include_simulated = switch(
        lazy("Learn from simulated rankings too"),
        help_text=lazy("For demos only: what comes of it follows a preset rule, not people. It stays a candidate."),
    )
    promote_simulated = switch(
        lazy("Let it become current though it learns from simulated rankings"),
        help_text=lazy("If the rule of promotion says so."),
    )


@admin.register(TrainingRun)
class TrainingRunAdmin(RecordAdmin):
    list_display = (
        "name",
        shown("reward_model", lazy("Reward model")),
        "show_state",
        "learns_from",
        "how_far",
        "outcome",
        shown("created_at", lazy("Created")),
        shown("finished_at", lazy("Finished")),
    )
    list_filter = (*by_choice("state"), *by_relation("reward_model"), *yes_or_no("include_simulated"))
    list_select_related = ("model_version", "snapshot", "reward_model")
    search_fields = ("trigger_note", "decision", "failure")
    change_form_outer_before_template = "training/admin/training_run.html"
    fields = (
        "reward_model", "recipe", "trigger", "trigger_note", "include_simulated", "promote_simulated", "snapshot",
        "base", "model_version", "compared_with", "config_text", "output_path", "log_path", "worker", "attempts",
        "interruption", "created_at", "dispatched_at", "heartbeat_at", "progress_at", "finished_at", "cleared_at",
    )  # fmt: skip
    readonly_fields = ("config_text",)
    actions_list = ("retrain_now",)
    actions_detail = ("end",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return runs_with_last_step(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        live = path(
            "<path:object_id>/progress.json",
            self.admin_site.admin_view(self.progress_json),
            name="labeling_trainingrun_progress",
        )
        return [live, *super().get_urls()]

    def page_context(self, request: HttpRequest, run: TrainingRun) -> dict[str, Any]:
        return super().page_context(request, run) | {
            "run": run,
            "live": live_context(run),
            "measures": compared(run.evaluation.get("new") or {}, run.evaluation.get("current")),
            "promotion": numbers_of(run.promotion),
            "active": run.is_active(),
            **evaluation_context(run.model_version),
        }

    def progress_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What changes while the run goes on, drawn by the same template as the page: {active, html}."""
        run = self.find(request, object_id)
        if not self.has_view_permission(request, run):
            return JsonResponse({"error": "forbidden"}, status=403)
        html = render_to_string("training/admin/training_progress.html", {"live": live_context(run), "run": run})
        return JsonResponse({"active": run.is_active(), "html": html})

    def buttons_for(self, row: TrainingRun) -> Iterable[str]:
        return self.actions_detail if row.is_active() else ()

    @column(lazy("Training run"), ordering="pk")
    def name(self, run: TrainingRun) -> str:
        return f"#{run.pk}"

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, run: TrainingRun) -> tuple[str, str]:
        return state_label(run)

    @column(lazy("Learns from"), label={"simulated": "warning"})
    def learns_from(self, run: TrainingRun) -> tuple[str, str] | str:
        return ("simulated", _("Simulated labelers too")) if run.include_simulated else ""

    @column(lazy("Step"))
    def how_far(self, run: Any) -> str:
        if run.last_step is None:
            return ""
        return f"{run.last_step:,} / {run.steps_total:,}" if run.steps_total else f"{run.last_step:,}"

    @column(lazy("Outcome"))
    def outcome(self, run: TrainingRun) -> str:
        failure = failure_in_words(run.failure).partition("\n")[0]
        text = failure or decision_in_words(run) or trigger_in_words(run.trigger_note)
        return format_html('<span class="cc-excerpt">{}</span>', text[:160])

    @column(lazy("Configuration"))
    def config_text(self, run: TrainingRun) -> str:
        return format_html('<pre class="cc-code">{}</pre>', json.dumps(run.config, ensure_ascii=False, indent=2))

    @button(lazy("Retrain now"), icon="model_training", primary=True)
    def retrain_now(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            run = request_retraining(
                trigger="manual",
                reward_model=RewardModel.objects.filter(slug=cleaned["reward_model"]).first(),
                note=cleaned["note"],
                include_simulated=cleaned["include_simulated"],
                promote_simulated=cleaned["promote_simulated"],
            )
            self.log_addition(request, run, [{"added": {}}])
            if QUEUED_RUNS.send():
                return _("Training run %(run)d is on its way to a training worker.") % {"run": run.pk}
            return _("Training run %(run)d waits: Redis can't be reached, beat sends it later.") % {"run": run.pk}

        confirmation = Confirmation(
            title=_("Retrain a reward model now?"),
            consequences=[
                _("The rankings of the campaigns that feed it are exported, and a version is trained from them by its "
                  "latest recipe, in a process of its own. It and the current one are evaluated on the same test "
                  "rankings and the newest ones."),
                _("It is promoted only if the rule says that it is better; otherwise it stays a candidate."),
            ],
            button=_("Retrain now"),
            back=reverse("admin:labeling_trainingrun_changelist"),
            form=RetrainForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("End this run"), icon="cancel")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            ended = fail_run(run=run, reason=f"Ended by an admin: {cleaned['reason']}")
            if ended:
                return _("Training run %(run)d is ended; its process stops with its next word.") % {"run": run.pk}
            return _("Training run %(run)d had ended already.") % {"run": run.pk}

        confirmation = Confirmation(
            title=_("End training run %(run)d?") % {"run": run.pk},
            consequences=[_("It counts as failed, and nothing of it is registered or promoted.")],
            button=_("End it"),
            back=self.page_of(run),
            about=[run],
            form=ReasonForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)


def live_context(run: TrainingRun) -> dict[str, Any]:
    """The part of the page that changes while the run goes on."""
    progress = progress_of(run)
    total = run.steps_total or progress.step
    return {
        "progress": progress,
        "share": 100 * progress.step // total if total else 0,
        "minutes_left": math.ceil(progress.seconds_left / 60) if progress.seconds_left is not None else None,
        "loss": loss_chart(progress),
        "accuracy": accuracy_chart(progress),
        "log": tail(Path(run.log_path), lines=LOG_LINES) if run.log_path else "",
        "state_colour": STATE_COLOURS[run.state],
        "failure": failure_in_words(run.failure),
        "decision": decision_in_words(run),
        "interruption": failure_in_words(run.interruption) if run.state == RunState.QUEUED else "",
    }


def loss_chart(progress: Progress) -> LineChart | None:
    """Returns the curves of the loss beside ln 2, the loss of a model that only guesses."""
    series = {"raw": progress.loss, "train": smoothed(progress.loss), "valid": progress.valid_loss}
    x_max = progress.steps_total or progress.step
    return line_chart(series, x_max=x_max, level=(math.log(2), _("guessing")))


def accuracy_chart(progress: Progress) -> LineChart | None:
    series = {"raw": progress.accuracy, "train": smoothed(progress.accuracy), "valid": progress.valid_accuracy}
    x_max = progress.steps_total or progress.step
    return line_chart(series, x_max=x_max, level=(0.5, _("guessing")), percent=True)
