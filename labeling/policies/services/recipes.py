"""How policies are trained: recipes, which an admin changes and every run keeps."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from labeling.base.refusals import PolicyRefused
from labeling.base.states import ModelKind, PolicyStage
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.policies.models import PolicyRecipe
from labeling.policies.rules.options import Options, check_options, first_options
from lm.errors import Refused

LOCK_OF = {PolicyStage.SFT: 7201, PolicyStage.PPO: 7202, PolicyStage.DPO: 7203}
"""Advisory locks, for a stage is no row that could be locked."""


class RecipeChanges(TypedDict, total=False):
    """Columns of the next version; what is left out stays."""

    base: str
    reward_model: RewardModel | None
    watched_reward_model: RewardModel | None
    starts_itself: bool
    after_labels: int | None
    note: str


@transaction.atomic
def current_recipe(stage: PolicyStage) -> PolicyRecipe:
    """The stage's latest recipe. The first one is made of the preset POLICY_PRESET, when it is first asked for.

    Raises PolicyRefused: there is no such preset.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_OF[stage]])
    latest = PolicyRecipe.objects.filter(stage=stage).order_by("-version").first()
    if latest is not None:
        return latest
    try:
        options = first_options(stage, settings.POLICY_PRESET)
    except Refused as refused:
        raise PolicyRefused(f"POLICY_PRESET can't be used: {refused}") from refused
    return PolicyRecipe.objects.create(stage=stage, version=1, options=options, base=settings.SFT_BASE_MODEL_PATH)


@transaction.atomic
def change_recipe(
    *,
    stage: PolicyStage,
    options: Options,
    by: User | None = None,
    ensemble: Sequence[ModelVersion] | None = None,
    **changes: Unpack[RecipeChanges],
) -> PolicyRecipe:
    """A new version of the recipe, by which the next run is trained. `options`: those that change. `ensemble`: further
    versions of reward models that PPO optimises, in place of those of the latest version.

    Raises PolicyRefused for options that the trainer would refuse; ValidationError for another value.
    """
    latest = current_recipe(stage)
    changed = latest.options | options
    check_options(stage, changed)
    kept = {name: getattr(latest, name) for name in RecipeChanges.__annotations__ if name != "note"}
    recipe = PolicyRecipe(
        stage=stage, version=latest.version + 1, options=changed, created_by=by, **(kept | dict(changes))
    )
    recipe.full_clean()
    recipe.save()
    together = latest.ensemble.all() if ensemble is None else ensemble
    if wrong := next((one for one in together if one.kind != ModelKind.REWARD), None):
        raise PolicyRefused(f"“{wrong}” is no reward model. Choose one that gives rewards.")
    recipe.ensemble.set(together)
    return recipe
