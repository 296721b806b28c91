"""Going back to the model that was current before: the page says which that is, and does just that."""

from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import switch
from labeling.base.admin.model_admins import BaseAdmin
from labeling.base.states import ModelKind
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.queries import way_back
from labeling.model_versions.services.promotion import roll_back

EFFECT = {
    ModelKind.SFT: lazy("Completions are sampled from it from the next task on."),
    ModelKind.REWARD: lazy("New versions are compared with it, and programs get its rewards."),
}


class RollBackForm(forms.Form):
    """Carries the version that the page promised."""

    to = forms.ModelChoiceField(ModelVersion.objects.all(), required=False, widget=forms.HiddenInput)


class RollBackToSimulatedForm(RollBackForm):
    simulated = switch(lazy("Make it current though it learned from simulated labelers"))


def roll_back_page(
    admin: BaseAdmin, request: HttpRequest, kind: ModelKind, reward_model: RewardModel | None = None, *, back: str
) -> HttpResponse:
    """The confirmation of rolling back the SFT model or a reward model."""
    promotion = way_back(kind, reward_model)
    to = promotion.version if promotion else None

    def act(cleaned: dict[str, Any]) -> str:
        version = roll_back(
            kind=kind, reward_model=reward_model, expected=cleaned["to"], simulated=cleaned.get("simulated", False)
        )
        admin.log_change(request, version, _("Rolled back to."))
        return _("“%(version)s” is current again.") % {"version": version}

    confirmation = Confirmation(
        title=_("Roll back to “%(version)s”?") % {"version": to} if to else _("There is nothing to roll back to"),
        consequences=_consequences(kind, reward_model, to),
        button=_("Roll back"),
        back=back,
        form=partial(RollBackToSimulatedForm if to and to.simulated else RollBackForm, initial={"to": to}),
        danger=True,
    )
    return confirm(admin, request, confirmation, act)


def _consequences(kind: ModelKind, reward_model: RewardModel | None, to: ModelVersion | None) -> list[StrOrPromise]:
    if to is None:
        return [_("No other model was current before.")]
    current = ModelVersion.objects.current(kind).filter(reward_model=reward_model).first()
    return [
        _("“%(version)s” becomes current again in place of “%(current)s”, which is retired.")
        % {"version": to, "current": current}
        if current
        else _("“%(version)s” becomes current again; no model is current now.") % {"version": to},
        EFFECT[kind],
    ]
