"""Where a model version is sampled from: workers that load it, or a server that holds the same weights."""

from django.conf import settings
from django.db import transaction

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelBackend, ModelKind
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.checks import check_again


@transaction.atomic
def choose_backend(*, version: ModelVersion, backend: ModelBackend, server: str = "", served_name: str = "") -> None:
    """From the next sampling on; a worker is asked to try it at once. Which weights the version names stays the same.

    Raises ModelRefused: it is no SFT model, or the server is none of SAMPLING_SERVERS.
    """
    if version.kind != ModelKind.SFT:
        raise ModelRefused("Only SFT models are sampled from. Reward models are loaded by scoring workers.")
    if backend == ModelBackend.LOCAL:
        server = served_name = ""
    else:
        check_server(server)
        if not served_name.strip():
            raise ModelRefused("Say under which name the server knows the model: what its /v1/models lists.")
    ModelVersion.objects.filter(pk=version.pk).update(backend=backend, server=server, served_name=served_name.strip())
    version.refresh_from_db()
    check_again(version=version)


def check_server(server: str) -> None:
    """Only whoever sets the environment decides where prompts and the key may be sent. Raises ModelRefused."""
    if server not in settings.SAMPLING_SERVERS:
        known = ", ".join(settings.SAMPLING_SERVERS) or "none"
        raise ModelRefused(
            f"“{server}” is no address of SAMPLING_SERVERS, which names the servers to be used: {known}."
        )
