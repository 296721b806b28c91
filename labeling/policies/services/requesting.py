"""A policy's training is asked for: by a person, beat, or a turn of the loop. Its models are settled here and kept."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Q

from labeling.base.outbox import Outbox
from labeling.base.refusals import PolicyRefused
from labeling.base.states import ModelKind, ModelState, PolicyStage, RunState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.queries import current_reward_model, current_sft_model, watcher_of, why_unusable
from labeling.policies.models import PolicyRecipe, PolicyRun
from labeling.policies.services.recipes import current_recipe
from labeling.training.services.runs import SEND_AGAIN_AFTER

QUEUED_POLICY_RUNS = Outbox(
    model=PolicyRun,
    waiting=Q(state=RunState.QUEUED),
    task="labeling.tasks.train_policy",
    send_again_after=SEND_AGAIN_AFTER,
)

LEARNS_FROM = {PolicyStage.SFT: "demonstrations", PolicyStage.PPO: "prompts", PolicyStage.DPO: "usable_pairs"}
"""What a snapshot must hold in its split train, by the names of its counts."""


def request_policy_run(
    *,
    stage: PolicyStage,
    trigger: str = "manual",
    note: str = "",
    start: ModelVersion | None = None,
    rewarded_by: ModelVersion | None = None,
    ensemble: Sequence[ModelVersion] | None = None,
    watched_by: ModelVersion | None = None,
    snapshot: Snapshot | None = None,
    include_simulated: bool = False,
) -> PolicyRun:
    """A queued run of the stage by its latest recipe.

    `start`: the language model that it begins from; where it is left out, SFT begins from the recipe's base, and
    whatever has none from the SFT model that is current. `rewarded_by`, `watched_by`: reward models; for PPO the
    current versions of the recipe's where left out, and where the recipe names nobody who watches, of the reward model
    that was made to watch. `ensemble`: those that PPO optimises together with `rewarded_by`; the recipe's where left
    out. `snapshot`: what it learns from; a new one where left out.

    The run keeps these versions whatever becomes of them: one that is retired meanwhile is on the disk as before.

    Raises PolicyRefused for models that don't fit, and while another run of the stage is under way (a partial unique
    index holds it, too).
    """
    recipe = current_recipe(stage)
    start = start or _start_of(recipe)
    if stage == PolicyStage.PPO:
        rewarded_by = rewarded_by or _current_version(recipe.reward_model)
        watched_by = watched_by or _current_watcher(recipe, rewarded_by)
        ensemble = list(recipe.ensemble.all()) if ensemble is None else ensemble
    together = [one for one in ensemble or () if one != rewarded_by]
    _check_models(stage, start, rewarded_by, together, watched_by)
    if snapshot is not None:
        _check_snapshot(stage, snapshot)
    try:
        with transaction.atomic():
            run = PolicyRun.objects.create(
                stage=stage,
                recipe=recipe,
                trigger=trigger,
                trigger_note=note,
                start=start,
                rewarded_by=rewarded_by,
                watched_by=watched_by,
                snapshot=snapshot,
                include_simulated=include_simulated,
            )
            run.ensemble.set(together)
            return run
    except IntegrityError:
        active = PolicyRun.objects.active().filter(stage=stage).first()
        raise PolicyRefused(
            f"Policy run {active.pk if active else '?'} is under way; there is never more than one {stage.label} run. "
            "Wait for it, or end it in the admin."
        ) from None


def _start_of(recipe: PolicyRecipe) -> ModelVersion | None:
    """None where the recipe names a base."""
    if recipe.stage == PolicyStage.SFT and recipe.base:
        return None
    current = current_sft_model()
    if current is None:
        raise PolicyRefused("There is no language model to begin from: register and promote one, or choose a version.")
    return current


def _current_version(reward_model: RewardModel | None) -> ModelVersion:
    current = current_reward_model(reward_model)
    if current is None:
        raise PolicyRefused(
            f"No version of {f'“{reward_model}”' if reward_model else 'the default reward model'} is current, so "
            "nothing says which answers are good. Train and promote one, or choose a version."
        )
    return current


def _current_watcher(recipe: PolicyRecipe, rewarded_by: ModelVersion) -> ModelVersion | None:
    watching = recipe.watched_reward_model
    if watching is None and rewarded_by.reward_model is not None:
        watching = watcher_of(rewarded_by.reward_model)
    return None if watching is None else _current_version(watching)


def _check_models(
    stage: PolicyStage,
    start: ModelVersion | None,
    rewarded_by: ModelVersion | None,
    ensemble: Sequence[ModelVersion],
    watched_by: ModelVersion | None,
) -> None:
    if start is not None and start.kind != ModelKind.SFT:
        raise PolicyRefused(f"“{start}” is a reward model. Choose a language model to begin from.")
    for version in (rewarded_by, *ensemble, watched_by):
        if version is not None and version.kind != ModelKind.REWARD:
            raise PolicyRefused(f"“{version}” is no reward model. Choose one that gives rewards.")
    if rewarded_by is not None and stage == PolicyStage.DPO:
        raise PolicyRefused("DPO learns from rankings and takes no reward model. Leave it out.")
    if watched_by is not None and stage != PolicyStage.PPO:
        raise PolicyRefused("Only PPO is watched by a reward model. Leave it out.")
    if ensemble and stage != PolicyStage.PPO:
        raise PolicyRefused("Only PPO optimises several reward models together. Leave them out.")
    optimised = [one.path for one in (rewarded_by, *ensemble) if one is not None]
    if watched_by is not None and watched_by.path in optimised:  # by whatever name it is on record
        raise PolicyRefused(
            f"“{watched_by}” can't watch while it is optimised: it would see what it likes. Choose a version that "
            "learned from other labels, or none."
        )
    for version in (start, rewarded_by, *ensemble, watched_by):
        if version is not None:
            _check_usable(version)


def _check_usable(version: ModelVersion) -> None:
    if version.kind == ModelKind.REWARD and version.state == ModelState.RETIRED:
        raise PolicyRefused(f"“{version}” is retired. Choose a version that is current or a candidate, or promote it.")
    if failure := why_unusable(version):
        raise PolicyRefused(f"“{version}” can't be used: {failure} Mend that and have it checked again.")


def _check_snapshot(stage: PolicyStage, snapshot: Snapshot) -> None:
    needed = LEARNS_FROM[stage]
    if not snapshot.counts.get("train", {}).get(needed):
        words = needed.replace("usable_pairs", "comparisons")
        raise PolicyRefused(f"{snapshot} has no {words} in its split train, so there is nothing to learn from.")
