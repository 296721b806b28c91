"""The page on which an admin says where a model version is sampled from."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, text
from labeling.base.admin.model_admins import BaseAdmin
from labeling.base.states import ModelBackend
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.backends import choose_backend


def servers() -> list[tuple[str, str]]:
    return [("", "–"), *((address, address) for address in settings.SAMPLING_SERVERS)]


class BackendForm(forms.Form):
    backend = choice(lazy("Sampled from"), ModelBackend.choices)
    server = choice(
        lazy("Server"),
        servers,
        required=False,
        help_text=lazy(
            "Of a server: its address. The list is SAMPLING_SERVERS of the environment, so that prompts and the key go "
            "nowhere else."
        ),
    )
    served_name = text(
        lazy("Name at the server"),
        max_length=200,
        required=False,
        help_text=lazy("Of a server: what its /v1/models calls the model. It must be these very weights."),
    )


def backend_page(admin: BaseAdmin, request: HttpRequest, version: ModelVersion, *, back: str) -> HttpResponse:
    def form(data: Any = None, files: Any = None) -> BackendForm:
        now = {"backend": version.backend, "server": version.server, "served_name": version.served_name}
        return BackendForm(data, files, initial=now)

    def act(cleaned: dict[str, Any]) -> str:
        choose_backend(
            version=version,
            backend=ModelBackend(cleaned["backend"]),
            server=cleaned["server"],
            served_name=cleaned["served_name"],
        )
        return _("“%(version)s” is sampled from: %(backend)s.") % {
            "version": version,
            "backend": version.get_backend_display(),
        }

    confirmation = Confirmation(
        title=_("Where is “%(version)s” sampled from?") % {"version": version},
        consequences=[
            _("It holds from the next completions on. A worker tries it at once; this page then says what came of it."),
            _("Which weights the version names stays the same: trainings start from it as before."),
        ],
        button=_("Save"),
        back=back,
        about=[version],
        form=form,
    )
    return confirm(admin, request, confirmation, act)
