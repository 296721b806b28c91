"""Which of policy_trainer's options a recipe decides, and whether they go together. Pure.

The trainer's own arguments say what each value may be, so a recipe is refused in the words in which a run would be.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from labeling.base.refusals import PolicyRefused
from labeling.base.states import PolicyStage
from lm.errors import Refused
from lm.training.arguments import TrainingArguments
from lm.training.presets import Presets
from policy_trainer.arguments import PRESETS, DpoArguments, PpoArguments, SftArguments

Value = bool | int | float | str | None
Options = dict[str, Value]

ARGUMENTS: Mapping[str, type[TrainingArguments]] = {
    PolicyStage.SFT: SftArguments,
    PolicyStage.PPO: PpoArguments,
    PolicyStage.DPO: DpoArguments,
}
EVERY_STAGE = (
    "learning_rate", "max_length", "max_new_tokens", "tokens_per_microbatch", "freeze_embeddings", "lora_rank",
    "recompute_activations", "dtype", "seed", "checkpoint_every",
)  # fmt: skip
OF_STAGE: Mapping[str, tuple[str, ...]] = {
    PolicyStage.SFT: (
        "epochs", "batch_size", "residual_dropout", "few_shot_sets", "prompts_to_choose_by", "pretraining",
        "pretraining_share",
    ),
    PolicyStage.PPO: (
        "episodes", "hours", "batch", "minibatch", "completions", "inner_epochs", "value_learning_rate",
        "warmup_steps", "beta", "kl_place", "gamma", "pretraining", "pretraining_examples", "pretraining_length",
        "advantage", "advantage_scale", "gae_decay", "clip_ratio", "clip_value", "temperature", "missing_end",
        "missing_end_reward", "reward_scale", "ema_decay", "watch_every", "watch_prompts", "kl_budget",
        "entropy_floor", "length_floor", "patience", "leave_out_long_prompts", "ensemble_rule", "ensemble_penalty",
    ),
    PolicyStage.DPO: ("epochs", "rankings_per_batch", "warmup_steps", "beta", "label_smoothing"),
}  # fmt: skip
CHECKPOINT_EVERY: Mapping[str, int] = {PolicyStage.SFT: 100, PolicyStage.PPO: 10, PolicyStage.DPO: 100}
"""Where a preset has no checkpoints: a run in the product is one that can be gone on with."""
SOMEWHERE = Path("somewhere")


def decided(stage: str) -> tuple[str, ...]:
    """The options of the stage that a recipe decides, in the order in which they are shown."""
    return (*OF_STAGE[stage], *EVERY_STAGE)


def first_options(stage: str, preset: str) -> Options:
    """What the trainer's preset of that name says, or its defaults where it is empty. Raises Refused."""
    arguments = ARGUMENTS[stage]
    values = Presets(PRESETS / stage, arguments, stage).read(preset) if preset else {}
    defaults = {field.name: field.default for field in fields(arguments)}
    found: Options = {name: values.get(name, defaults[name]) for name in decided(stage)}
    found["checkpoint_every"] = found["checkpoint_every"] or CHECKPOINT_EVERY[stage]
    return found


def check_options(stage: str, options: Mapping[str, Value]) -> None:
    """Raises PolicyRefused for a value, or several together, that the trainer would refuse."""
    if not options["checkpoint_every"]:
        raise PolicyRefused("--checkpoint-every is 0: a run that is interrupted could not be gone on with. Give 1.")
    paths = {"data": SOMEWHERE, "output": SOMEWHERE}
    if stage == PolicyStage.PPO:
        paths["reward_model"] = SOMEWHERE
    try:
        ARGUMENTS[stage](base="somewhere", **paths, **options)  # type: ignore[arg-type]  # it checks the values
    except Refused as refused:
        raise PolicyRefused(str(refused)) from refused


def kind_of(stage: str, name: str) -> type | tuple[str, ...]:
    """The type of an option's values: bool, int, float or str; or the words that it may be."""
    kind = get_args(get_type_hints(ARGUMENTS[stage], include_extras=True)[name])[0]
    if get_origin(kind) is Literal:
        words: tuple[str, ...] = get_args(kind)
        return words
    found = next(one for one in (get_args(kind) or (kind,)) if one is not type(None))
    return str if found is Path else found
