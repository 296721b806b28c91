"""Which model versions a person may talk with, and what they said to each being kept."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from labeling.base.states import ModelState
from labeling.conversations.models import Consent
from labeling.model_versions.models import ModelVersion
from labeling.serving.queries import servable_versions


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A version in the page's choice. `agreed`: what the person said; None: they are to be asked."""

    id: int
    name: str
    is_current: bool
    agreed: bool | None


def offered_versions() -> list[ModelVersion]:
    """The current one first, then the newest; no retired ones."""
    versions = [version for version in servable_versions() if version.state != ModelState.RETIRED]
    return sorted(versions, key=lambda version: (version.state != ModelState.CURRENT, -version.pk))


def offered_to(user: User) -> list[Offered]:
    versions = offered_versions()
    answers = Consent.objects.filter(user=user, model_version__in=versions).order_by("pk")
    said = dict(answers.values_list("model_version_id", "agreed"))  # the last of each
    return [
        Offered(
            id=version.pk,
            name=version.name,
            is_current=version.state == ModelState.CURRENT,
            agreed=said.get(version.pk),
        )
        for version in versions
    ]
