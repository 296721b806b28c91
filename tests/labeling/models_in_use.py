"""Model versions as a worker leaves them that has tried them, for tests that need one and start no worker."""

from pathlib import Path

from labeling.base.states import ModelKind
from labeling.model_versions.services.promotion import promote
from labeling.model_versions.services.registration import register_model
from labeling.model_versions.services.trying import answer_check
from labeling.models import ModelVersion


def tried(version: ModelVersion) -> ModelVersion:
    """As if a worker had loaded it and used it once."""
    check = version.last_check
    assert check is not None
    answer_check(check_id=check.pk, use=lambda _: "Hello")
    return version


def registered(path: Path, *, kind: ModelKind = ModelKind.SFT) -> ModelVersion:
    """A candidate named after its directory, which can be promoted."""
    return tried(register_model(kind=kind, name=path.name, path=path))


def promoted(path: Path, *, kind: ModelKind = ModelKind.SFT) -> ModelVersion:
    """The current one of its kind, named after its directory."""
    return promote(version=registered(path, kind=kind), reason="for the test")
