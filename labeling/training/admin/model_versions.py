"""How good a model version is and what it was made of, for the model versions' list and page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.model_admins import BaseAdmin, button, column
from labeling.base.admin.state_labels import STATE_COLOURS
from labeling.base.states import ModelKind
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import promotions_of
from labeling.training.admin.comparisons import compare_page
from labeling.training.admin.decisions import decision_in_words
from labeling.training.admin.measures import compared, headline
from labeling.training.admin.promotions import numbers_of
from labeling.training.admin.provenance import evaluation_context
from labeling.training.admin.sentences import promotions_in_words, reason_in_words

PROMOTIONS_SHOWN = 20


class ModelMeasures(BaseAdmin):
    @button(lazy("Compare two"), icon="compare_arrows")
    def compare_two(self, request: HttpRequest) -> HttpResponse:
        return compare_page(self, request)

    change_form_outer_before_template = "training/admin/model_version.html"

    def page_context(self, request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
        run = getattr(version, "trainingrun", None)
        return super().page_context(request, version) | {
            "version": version,
            "run": run,
            "measures": compared(version.metrics.get("valid") or {}, None),
            "headline": headline(version.metrics),
            **evaluation_context(version),
            "promotion": numbers_of(run.promotion) if run else None,
            "state_colour": STATE_COLOURS[version.state],
            "promotions": promotions_in_words(
                promotions_of(ModelKind(version.kind), version.reward_model)[:PROMOTIONS_SHOWN]
            ),
            "state_reason": decision_in_words(run)
            if run and run.decision == version.state_reason
            else reason_in_words(version.state_reason),
        }

    @column(lazy("Accuracy"))
    def accuracy(self, version: ModelVersion) -> str:
        return headline(version.metrics)
