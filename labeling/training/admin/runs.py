"""What the admin of every kind of run has: the list, the page that is redrawn while it goes on, its end by hand."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise, StrPromise

from labeling.base.admin.charts import LineChart
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.model_admins import RecordAdmin, as_json, button, column
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.admin.told import told
from labeling.base.states import RunState
from labeling.training.admin.failures import failure_of
from labeling.training.admin.sentences import FAILURES, trigger_in_words
from labeling.training.models import Run
from labeling.training.queries import Progress, progress_of, runs_with_last_step
from labeling.training.services.runs import fail_run
from labeling.training.services.trainer_process import tail

LOG_LINES = 60
WHILE_IT_GOES_ON = (
    "config_text", "output_path", "log_path", "worker", "attempts", "why_interrupted", "created_at", "dispatched_at",
    "heartbeat_at", "progress_at", "finished_at", "cleared_at",
)  # fmt: skip
"""Fields of a run's page, whatever its kind."""


TRIGGER_WORDS: Mapping[str, StrPromise] = {
    "rankings": lazy("New rankings"),
    "labels": lazy("New labels"),
    "days": lazy("Days since the last one"),
    "reward": lazy("A new version of the reward model"),
    "manual": lazy("By hand"),
    "loop": lazy("The loop"),
}


@dataclass(frozen=True)
class Curve:
    """A chart under its name."""

    name: StrOrPromise
    chart: LineChart


class RunAdmin(RecordAdmin):
    """A kind of run adds its button to start one, and says what its charts are and what came of it."""

    readonly_fields = ("config_text", "show_trigger", "why_asked", "why_interrupted")
    actions_detail = ("end",)
    progress_template = "training/admin/training_progress.html"
    failures: ClassVar[Sequence[StrPromise]] = FAILURES
    """What its runs and their trainer say in English, where somebody has translated it."""
    option_names: ClassVar[Mapping[str, StrPromise]] = {}
    """What the form of its recipe calls the trainer's options."""

    def title_of(self, run: Any) -> str:
        """Of the run's card."""
        raise NotImplementedError

    def curves_of(self, run: Any, progress: Progress) -> list[Curve]:
        """Its charts, those that people look at first before the others."""
        raise NotImplementedError

    def decision_of(self, run: Any) -> str:
        """What was decided of its version, in the reader's language."""
        raise NotImplementedError

    def in_words(self, failure: str) -> str:
        """Why a run failed or was interrupted, in the reader's language where it is known."""
        return told(failure, self.failures)

    def live_context(self, request: HttpRequest, run: Any) -> dict[str, Any]:  # noqa: ARG002  (for kinds that ask it)
        """The part of the page that changes while the run goes on."""
        progress = progress_of(run)
        total = run.steps_total or progress.step
        return {
            "title": self.title_of(run),
            "progress": progress,
            "share": 100 * progress.step // total if total else 0,
            "minutes_left": math.ceil(progress.seconds_left / 60) if progress.seconds_left is not None else None,
            "curves": self.curves_of(run, progress),
            "log": tail(Path(run.log_path), lines=LOG_LINES) if run.log_path else "",
            "state_colour": STATE_COLOURS[run.state],
            "failure": failure_of(run.failure, self.failures, self.option_names),
            "decision": self.decision_of(run),
            "interruption": self.in_words(run.interruption) if run.state == RunState.QUEUED else "",
        }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return runs_with_last_step(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        live = path(
            "<path:object_id>/progress.json",
            self.admin_site.admin_view(self.progress_json),
            name=self._progress_name(),
        )
        return [live, *super().get_urls()]

    def _progress_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_progress"

    def page_context(self, request: HttpRequest, run: Any) -> dict[str, Any]:
        return super().page_context(request, run) | {
            "run": run,
            "live": self.live_context(request, run),
            "live_address": f"admin:{self._progress_name()}",
            "active": run.is_active(),
        }

    def progress_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What changes while the run goes on, drawn by the same template as the page: {active, html}."""
        run = self.find(request, object_id)
        if not self.has_view_permission(request, run):
            return JsonResponse({"error": "forbidden"}, status=403)
        html = render_to_string(self.progress_template, {"live": self.live_context(request, run), "run": run})
        return JsonResponse({"active": run.is_active(), "html": html})

    def buttons_for(self, row: Run) -> Iterable[str]:
        return [str(name) for name in self.actions_detail] if row.is_active() else ()

    @column(lazy("Training run"), ordering="pk")
    def name(self, run: Run) -> str:
        return f"#{run.pk}"

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, run: Run) -> tuple[str, str]:
        return state_label(run)

    @column(lazy("Learns from"), label={"simulated": "warning"})
    def learns_from(self, run: Run) -> tuple[str, str] | str:
        return ("simulated", _("Simulated labelers too")) if run.include_simulated else ""

    @column(lazy("Step"))
    def how_far(self, run: Any) -> str:
        if run.last_step is None:
            return ""
        return f"{run.last_step:,} / {run.steps_total:,}" if run.steps_total else f"{run.last_step:,}"

    @column(lazy("Outcome"))
    def outcome(self, run: Run) -> str:
        failure = failure_of(run.failure, self.failures, {})
        if failure is not None and failure.quoted:
            return format_html('<span class="cc-excerpt" lang="en">{}</span>', failure.words.partition("\n")[0][:160])
        told_first = failure.words.partition("\n")[0] if failure else ""
        text = told_first or self.decision_of(run) or trigger_in_words(run.trigger_note)
        return format_html('<span class="cc-excerpt">{}</span>', text[:160])

    @column(lazy("interruption"))
    def why_interrupted(self, run: Run) -> str:
        return self.in_words(run.interruption) or "-"

    @column(lazy("trigger note"))
    def why_asked(self, run: Run) -> str:
        return trigger_in_words(run.trigger_note) or "-"

    @column(lazy("Trigger"))
    def show_trigger(self, run: Run) -> str:
        return str(TRIGGER_WORDS[run.trigger])

    @column(lazy("Configuration"))
    def config_text(self, run: Run) -> str:
        return as_json(run.config)

    @button(lazy("End this run"), icon="cancel")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            ended = fail_run(run=run, reason=f"Ended by an admin: {cleaned['reason']}")
            if ended:
                return _("%(run)s is ended; its process stops with its next word.") % {"run": self.title_of(run)}
            return _("%(run)s had ended already.") % {"run": self.title_of(run)}

        confirmation = Confirmation(
            title=_("End %(run)s?") % {"run": self.title_of(run)},
            consequences=[_("It counts as failed, and nothing of it is registered or promoted.")],
            button=_("End it"),
            back=self.page_of(run),
            about=[run],
            form=ReasonForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)
