"""Model versions: registered, promoted, rolled back, retired. Which weights a version names never changes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm, choice, switch, text
from labeling.base.admin.filters import by_choice, by_relation, yes_or_no
from labeling.base.admin.model_admins import RecordAdmin, as_json, button, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import CheckState, Half, ModelKind, ModelState, legal_moves
from labeling.model_versions.admin.backends import backend_page
from labeling.model_versions.admin.rolling_back import EFFECT, roll_back_page
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.services.checks import check_again
from labeling.model_versions.services.promotion import promote, retire
from labeling.model_versions.services.registration import register_model
from labeling.model_versions.services.reward_models import default_reward_model


def _list() -> str:
    return reverse("admin:labeling_modelversion_changelist")


def reward_models() -> list[tuple[str, str]]:
    """(slug, name) of each, the default one first."""
    return list(RewardModel.objects.values_list("slug", "name"))


class RegisterForm(forms.Form):
    kind = choice(lazy("Kind"), ModelKind.choices)
    reward_model = choice(
        lazy("Reward model"),
        reward_models,
        required=False,
        help_text=lazy("Of the kind Reward: which reward model it is a version of. SFT models have none."),
    )
    name = text(lazy("Name"), max_length=200, help_text=lazy("As it will stand in exports. It can't change later."))
    path = text(
        lazy("Path"),
        max_length=1000,
        help_text=lazy("A directory with config.json, a tokenizer and *.safetensors that web and workers can read."),
    )


class PromoteSimulatedForm(ReasonForm):
    simulated = switch(
        lazy("Make it current though it learned from simulated labelers"),
        help_text=lazy("Its rewards follow a preset rule, and are nobody's preferences."),
    )


class ModelVersionAdmin(RecordAdmin):
    list_display: tuple[Any, ...] = (
        shown("name", lazy("Name")),
        shown("kind", lazy("Kind")),
        shown("reward_model", lazy("Reward model")),
        "show_state",
        "learned_from",
        "tried",
        shown("parent", lazy("Parent")),
        "trained_on",
        shown("created_at", lazy("Created")),
        shown("promoted_at", lazy("Promoted")),
    )
    list_filter = (*by_choice("kind", "state"), *by_relation("reward_model"), *yes_or_no("simulated"))
    list_select_related = ("parent", "snapshot", "reward_model")
    search_fields = ("name", "path")
    fields = (
        "kind", "reward_model", "name", "path", "backend", "server", "served_name", "state",
        "checks_text", "parent", "rewarded_by", "ensemble", "watched_by", "snapshot", "half",
        "created_at", "simulated", "promoted_at", "metrics_text",
    )  # fmt: skip
    readonly_fields = ("checks_text", "metrics_text")
    actions_list: tuple[str, ...] = ("register", "roll_back_sft", "roll_back_reward")
    actions_detail = ("promote", "check_again", "choose_backend", "retire")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return super().get_queryset(request).prefetch_related("checks")

    def buttons_for(self, row: ModelVersion) -> Iterable[str]:
        moves = {ModelState.CURRENT: "promote", ModelState.RETIRED: "retire"}
        offered = [moves[ModelState(state)] for state in legal_moves(ModelState(row.state)) if state in moves]
        check = row.last_check
        if check is None or check.state != CheckState.PASSED:
            offered = [name for name in offered if name != "promote"]
        if row.kind == ModelKind.SFT:
            offered.append("choose_backend")
        return offered if check and check.state == CheckState.WAITING else [*offered, "check_again"]

    def has_choose_server_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        """Admins alone: it decides to whom prompts are sent."""
        return request.user.has_perm("auth.change_user")

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, version: ModelVersion) -> tuple[str, str]:
        return state_label(version)

    @column(lazy("Learned from"), label={"simulated": "warning"})
    def learned_from(self, version: ModelVersion) -> tuple[str, str] | str:
        return ("simulated", _("Simulated labelers")) if version.simulated else ""

    @column(lazy("Tried"), label=STATE_COLOURS)
    def tried(self, version: ModelVersion) -> tuple[str, str] | None:
        check = next(iter(version.checks.all()), None)  # prefetched, the newest first
        return state_label(check) if check else None

    @column(lazy("Tried by a worker"))
    def checks_text(self, version: ModelVersion) -> str:
        rows = [
            (
                date_format(localtime(check.finished_at or check.asked_at), "SHORT_DATETIME_FORMAT"),
                check.get_state_display(),
                note_in_words(check.failure or check.result),
                check.worker,
            )
            for check in list(version.checks.all())[:5]
        ]
        return format_html_join("\n", "<p>{} <strong>{}</strong> {} <small>{}</small></p>", rows)

    @column(lazy("Trained on"), ordering="snapshot")
    def trained_on(self, version: ModelVersion) -> str:
        if version.snapshot is None:
            return ""
        link = reverse("admin:labeling_snapshot_change", args=[version.snapshot_id])
        snapshot = format_html('<a href="{}">{}</a>', link, _("Snapshot %(number)d") % {"number": version.snapshot_id})
        return snapshot if version.half == Half.ALL else format_html("{}, {}", snapshot, version.get_half_display())

    @column(lazy("Metrics"))
    def metrics_text(self, version: ModelVersion) -> str:
        return as_json(version.metrics)

    @button(lazy("Register a model"), icon="add", primary=True)
    def register(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            kind, path = ModelKind(cleaned["kind"]), Path(cleaned["path"].strip())
            chosen = RewardModel.objects.filter(slug=cleaned["reward_model"]).first()
            version = register_model(
                kind=kind,
                name=cleaned["name"],
                path=path,
                reward_model=chosen if kind == ModelKind.REWARD else None,
            )
            self.log_addition(request, version, [{"added": {}}])
            return _("“%(version)s” is registered as a candidate.") % {"version": version}

        confirmation = Confirmation(
            title=_("Register a model version"),
            consequences=[
                _("It becomes a candidate. Nothing uses it before you promote it."),
                _("A worker loads it and uses it once; it can be promoted when that has worked."),
            ],
            button=_("Register"),
            back=_list(),
            form=RegisterForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Promote"), icon="arrow_upward", primary=True)
    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.find(request, object_id)
        current = version.current_instead()

        def act(cleaned: dict[str, Any]) -> str:
            promote(version=version, reason=cleaned["reason"], simulated=cleaned.get("simulated", False))
            return _("“%(version)s” is the current %(kind)s model.") % {
                "version": version,
                "kind": version.get_kind_display(),
            }

        confirmation = Confirmation(
            title=_("Make “%(version)s” the current model?") % {"version": version},
            consequences=[
                EFFECT[ModelKind(version.kind)],
                _("“%(current)s” is retired; rolling back brings it back.") % {"current": current}
                if current
                else _("There is no current model of this kind yet."),
            ],
            button=_("Promote"),
            back=self.page_of(version),
            about=[version],
            form=PromoteSimulatedForm if version.simulated else ReasonForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Check again"), icon="refresh")
    def check_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            check_again(version=version)
            return _("A worker is asked to try “%(version)s”.") % {"version": version}

        confirmation = Confirmation(
            title=_("Have “%(version)s” tried again?") % {"version": version},
            consequences=[_("A worker loads it and uses it once; this page then says what came of it.")],
            button=_("Check again"),
            back=self.page_of(version),
            about=[version],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Sampled from"), icon="dns", permission="choose_server")
    def choose_backend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.find(request, object_id)
        return backend_page(self, request, version, back=self.page_of(version))

    @button(lazy("Retire"), icon="archive")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            retire(version=version, reason=cleaned["reason"])
            return _("“%(version)s” is retired.") % {"version": version}

        consequences = [_("It stays on record with everything that came of it, and can be promoted again.")]
        if version.state == ModelState.CURRENT:
            consequences.append(_("No model of its kind is current then: what needs one waits until you promote one."))
        confirmation = Confirmation(
            title=_("Retire “%(version)s”?") % {"version": version},
            consequences=consequences,
            button=_("Retire"),
            back=self.page_of(version),
            about=[version],
            form=ReasonForm,
            danger=True,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Roll back SFT"), icon="history")
    def roll_back_sft(self, request: HttpRequest) -> HttpResponse:
        return roll_back_page(self, request, ModelKind.SFT, back=_list())

    @button(lazy("Roll back reward"), icon="history")
    def roll_back_reward(self, request: HttpRequest) -> HttpResponse:
        """Of the default reward model; every other has its button on its own page."""
        return roll_back_page(self, request, ModelKind.REWARD, default_reward_model(), back=_list())
