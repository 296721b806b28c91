"""Policy runs: asked for, followed while they go on by curves and by answers side by side, ended by hand."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, long_text, several, switch
from labeling.base.admin.filters import by_choice, yes_or_no
from labeling.base.admin.model_admins import button, shown
from labeling.base.states import ModelKind, PolicyStage
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.policies.admin.curves import curves_of
from labeling.policies.admin.option_labels import LABELS
from labeling.policies.admin.sentences import FAILURES, decision_in_words
from labeling.policies.admin.version_choices import reward_versions, versions_by_id
from labeling.policies.models import PolicyRun
from labeling.policies.queries import same_labels, side_by_side
from labeling.policies.services.requesting import QUEUED_POLICY_RUNS, request_policy_run
from labeling.training.admin.provenance import evaluation_context
from labeling.training.admin.runs import WHILE_IT_GOES_ON, Curve, RunAdmin
from labeling.training.queries import Progress

SNAPSHOTS_SHOWN = 50


def _versions(kind: ModelKind) -> list[tuple[str, str]]:
    return [("", _("The current one, or what the recipe says")), *versions_by_id(kind)]


def _language_models() -> list[tuple[str, str]]:
    return _versions(ModelKind.SFT)


def _reward_models() -> list[tuple[str, str]]:
    return _versions(ModelKind.REWARD)


def _snapshots() -> list[tuple[str, str]]:
    latest = Snapshot.objects.order_by("-pk")[:SNAPSHOTS_SHOWN]
    return [("", _("A new one of everything")), *((str(one.pk), str(one)) for one in latest)]


class TrainPolicyForm(forms.Form):
    stage = choice(lazy("Stage"), PolicyStage.choices)
    start = choice(lazy("Begins from"), _language_models, required=False)
    rewarded_by = choice(
        lazy("Rewarded by"),
        _reward_models,
        required=False,
        help_text=lazy("PPO optimises it. SFT only chooses its epoch by one that is named here. DPO has none."),
    )
    ensemble = several(
        lazy("Together with"),
        reward_versions,
        help_text=lazy("PPO alone: further reward models, optimised as one. Empty: those of the recipe."),
    )
    watched_by = choice(
        lazy("Watched by"),
        _reward_models,
        required=False,
        help_text=lazy(
            "PPO alone: another reward model that sees when the policy pleases its own alone. Best of the other half, "
            "or of other campaigns: one that learned from the same labels likes the same mistakes."
        ),
    )
    snapshot = choice(lazy("Snapshot"), _snapshots, required=False)
    note = long_text(lazy("Note"), required=False, rows=2, help_text=lazy("Why now, for whoever looks at it later."))
    include_simulated = switch(
        lazy("Learn from what simulated labelers made, too"),
        help_text=lazy("For demos only: what comes of it follows a preset rule, not people."),
    )


@admin.register(PolicyRun)
class PolicyRunAdmin(RunAdmin):
    list_display = (
        "name",
        shown("stage", lazy("Stage")),
        "show_state",
        shown("start", lazy("Begins from")),
        shown("rewarded_by", lazy("Rewarded by")),
        "learns_from",
        "how_far",
        "outcome",
        shown("created_at", lazy("Created")),
        shown("finished_at", lazy("Finished")),
    )
    list_filter = (*by_choice("stage", "state"), *yes_or_no("include_simulated"))
    list_select_related = ("model_version", "snapshot", "start", "rewarded_by")
    search_fields = ("trigger_note", "decision", "failure")
    change_form_outer_before_template = "policies/admin/policy_run.html"
    progress_template = "policies/admin/policy_progress.html"
    fields = (
        "stage", "recipe", "show_trigger", "why_asked", "include_simulated", "start", "rewarded_by", "ensemble",
        "watched_by", "snapshot", "base", "model_version", *WHILE_IT_GOES_ON,
    )  # fmt: skip
    actions_list = ("train_a_policy",)
    failures = FAILURES
    option_names = LABELS

    def page_context(self, request: HttpRequest, run: PolicyRun) -> dict[str, Any]:
        context = super().page_context(request, run) | evaluation_context(run.model_version)
        return context | {"same_labels": _same_labels(run)}

    def live_context(self, request: HttpRequest, run: PolicyRun) -> dict[str, Any]:
        asked = request.GET.get("look", "")
        return super().live_context(request, run) | {
            "samples": side_by_side(run, after=int(asked) if asked.isdecimal() else None)
        }

    def title_of(self, run: PolicyRun) -> str:
        return _("%(stage)s run %(number)s") % {"stage": run.get_stage_display(), "number": run.pk}

    def decision_of(self, run: PolicyRun) -> str:
        return decision_in_words(run.decision)

    def curves_of(self, run: PolicyRun, progress: Progress) -> list[Curve]:
        return curves_of(run, progress)

    @button(lazy("Train a policy"), icon="model_training", primary=True)
    def train_a_policy(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            run = request_policy_run(
                stage=PolicyStage(cleaned["stage"]),
                note=cleaned["note"],
                start=_version(cleaned["start"]),
                rewarded_by=_version(cleaned["rewarded_by"]),
                ensemble=list(ModelVersion.objects.filter(pk__in=cleaned["ensemble"])) or None,
                watched_by=_version(cleaned["watched_by"]),
                snapshot=Snapshot.objects.filter(pk=cleaned["snapshot"]).first() if cleaned["snapshot"] else None,
                include_simulated=cleaned["include_simulated"],
            )
            self.log_addition(request, run, [{"added": {}}])
            if same := _same_labels(run):
                messages.warning(request, same)
            if QUEUED_POLICY_RUNS.send():
                return _("%(run)s is on its way to a training worker.") % {"run": self.title_of(run)}
            return _("%(run)s waits: Redis can't be reached, beat sends it later.") % {"run": self.title_of(run)}

        confirmation = Confirmation(
            title=_("Train a policy?"),
            consequences=[
                _("SFT learns from demonstrations. PPO begins from a language model and learns what a reward model "
                  "likes; DPO learns from rankings, without one. Each is trained by the latest recipe of its stage, in "
                  "a process of its own, on the split train alone."),
                _("What comes of it is a candidate. Nothing is promoted: you do that, or an evaluation with people."),
            ],
            button=_("Train a policy"),
            back=reverse("admin:labeling_policyrun_changelist"),
            form=TrainPolicyForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)


def _same_labels(run: PolicyRun) -> str:
    """Warns of a watching model that is of the same labels as what it watches; "" where it is not known to be."""
    same = same_labels(run)
    if not same:
        return ""
    return _(
        "“%(watching)s” learned from the same labels as “%(optimised)s” and likes the same mistakes, so it will hardly "
        "see when the policy makes them. Have the reward model watched on its own page: two are trained then, of one "
        "half of the prompts each."
    ) % {"watching": run.watched_by, "optimised": "”, “".join(map(str, same))}


def _version(pk: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(pk=pk).first() if pk else None
