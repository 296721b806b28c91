"""What a policy's version comes from, for the model versions' page."""

from typing import Any

from django.http import HttpRequest

from labeling.base.admin.model_admins import BaseAdmin
from labeling.model_versions.models import ModelVersion
from labeling.policies.admin.sentences import decision_in_words
from labeling.policies.queries import side_by_side


class PolicyOrigin(BaseAdmin):
    change_form_outer_before_template = "policies/admin/model_version.html"

    def page_context(self, request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
        context = super().page_context(request, version)
        run = getattr(version, "policyrun", None)
        if run is None:
            return context | {"policy_run": None}
        reason = decision_in_words(run.decision) if version.state_reason == run.decision else context["state_reason"]
        return context | {"policy_run": run, "samples": side_by_side(run), "state_reason": reason}
