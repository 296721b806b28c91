"""The versions that a policy may be trained with, as forms offer them."""

from collections.abc import Iterable

from labeling.base.states import Half, ModelKind
from labeling.model_versions.models import ModelVersion
from labeling.policies.queries import versions_to_choose


def versions_by_id(kind: ModelKind) -> list[tuple[str, str]]:
    return [_offered(one) for one in versions_to_choose(kind)]


def reward_versions(also: Iterable[ModelVersion] = ()) -> list[tuple[str, str]]:
    """`also`: those that were chosen before, even where nobody may choose them now."""
    return list(dict.fromkeys([*versions_by_id(ModelKind.REWARD), *map(_offered, also)]))


def _offered(version: ModelVersion) -> tuple[str, str]:
    known = [version.get_state_display(), *([] if version.half == Half.ALL else [version.get_half_display()])]
    return str(version.pk), f"{version} ({', '.join(known)})"
