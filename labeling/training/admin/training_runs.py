"""Training runs of reward models: asked for, followed while they go on, compared with the current model."""

import math
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.charts import line_chart, smoothed
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice
from labeling.base.admin.filters import by_choice, by_relation, yes_or_no
from labeling.base.admin.model_admins import button, shown
from labeling.model_versions.admin.versions import reward_models
from labeling.model_versions.models import RewardModel
from labeling.training.admin.decisions import decision_in_words
from labeling.training.admin.measures import compared
from labeling.training.admin.promotions import numbers_of
from labeling.training.admin.provenance import evaluation_context
from labeling.training.admin.reward_models import LABELS, LearnsFromForm
from labeling.training.admin.runs import WHILE_IT_GOES_ON, Curve, RunAdmin
from labeling.training.models import TrainingRun
from labeling.training.queries import Progress
from labeling.training.services.requesting import QUEUED_RUNS, request_retraining


class RetrainForm(LearnsFromForm):
    reward_model = choice(lazy("Reward model"), reward_models, required=False)

    field_order = ("reward_model",)


@admin.register(TrainingRun)
class TrainingRunAdmin(RunAdmin):
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
        "reward_model", "recipe", "beside", "show_trigger", "why_asked", "include_simulated", "promote_simulated",
        "snapshot", "base", "model_version", "compared_with", *WHILE_IT_GOES_ON,
    )  # fmt: skip
    actions_list = ("retrain_now",)
    option_names = LABELS

    def page_context(self, request: HttpRequest, run: TrainingRun) -> dict[str, Any]:
        return super().page_context(request, run) | {
            "measures": compared(run.evaluation.get("new") or {}, run.evaluation.get("current")),
            "promotion": numbers_of(run.promotion),
            **evaluation_context(run.model_version),
        }

    def title_of(self, run: TrainingRun) -> str:
        return _("Training run %(number)s") % {"number": run.pk}

    def decision_of(self, run: TrainingRun) -> str:
        return decision_in_words(run)

    def curves_of(self, run: TrainingRun, progress: Progress) -> list[Curve]:  # noqa: ARG002
        """The loss beside ln 2, that of a model that only guesses, and the accuracy."""
        x_max = progress.steps_total or progress.step
        loss = {"raw": progress.loss, "train": smoothed(progress.loss), "valid": progress.valid_loss}
        right = {"raw": progress.accuracy, "train": smoothed(progress.accuracy), "valid": progress.valid_accuracy}
        charts = (
            (_("Loss"), line_chart(loss, x_max=x_max, level=(math.log(2), _("guessing")))),
            (_("Accuracy"), line_chart(right, x_max=x_max, level=(0.5, _("guessing")), percent=True)),
        )
        return [Curve(name, chart) for name, chart in charts if chart is not None]

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
                _("Where another one watches it, that one is trained as well, from the other half of the prompts."),
                _("It is promoted only if the rule says that it is better; otherwise it stays a candidate."),
            ],
            button=_("Retrain now"),
            back=reverse("admin:labeling_trainingrun_changelist"),
            form=RetrainForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)
