"""Every value that a command takes, with its meaning, its default and where the default comes from (docs/policy.md).

InstructGPT's numbers are from its §3.5 and appendices C.1, C.3 and C.4 (Ouyang et al. 2022).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from lm.errors import Refused
from lm.training.arguments import (
    RuntimeArguments,
    TrainingArguments,
    above_zero,
    at_least,
    decay,
    fraction,
)

Place = Literal["reward", "loss"]
Advantage = Literal["gae", "group", "leave-one-out"]
AdvantageScale = Literal["none", "frozen", "batch"]
EnsembleRule = Literal["mean", "worst"]
MissingEnd = Literal["replace", "lower"]
PRESETS = Path(__file__).parent / "presets"
"""One folder a command."""


@dataclass(frozen=True, kw_only=True)
class PolicyArguments(TrainingArguments):
    """What every trainer of a policy takes."""

    # Of the data the hash counts, not the place.
    MAY_DIFFER: ClassVar[frozenset[str]] = TrainingArguments.MAY_DIFFER | {"data", "keep_epochs"}

    data: Annotated[Path, "Snapshot directory (docs/data-contract.md)."]
    max_new_tokens: Annotated[int, "Tokens of an answer at most, wherever the policy is sampled from."] = 256
    samples: Annotated[
        int, "Prompts of the split valid that are answered at every checkpoint, always the same, to be read."
    ] = 8
    tokens_in_rollout: Annotated[
        int, "Tokens of prompts and answers that sampling holds at a time; out of memory it halves by itself."
    ] = 32_768

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, max_new_tokens=self.max_new_tokens, tokens_in_rollout=self.tokens_in_rollout)
        at_least(0, samples=self.samples)


@dataclass(frozen=True, kw_only=True)
class SftArguments(PolicyArguments):
    """`python -m policy_trainer sft`. Every epoch is measured, so there is no --eval-every."""

    WITHOUT: ClassVar[frozenset[str]] = frozenset({"eval_every"})

    epochs: Annotated[int, "Passes over the demonstrations. InstructGPT: 16; the best of them is kept."] = 16
    batch_size: Annotated[int, "Demonstrations per optimizer step. InstructGPT: 32 at 1.3B and 6B, 8 at 175B."] = 32
    learning_rate: Annotated[float, "Peak. InstructGPT: 9.65e-6 at 1.3B and 6B, 5.03e-6 at 175B."] = 9.65e-6
    residual_dropout: Annotated[float, "Dropout on the residual branches, while training. InstructGPT: 0.2."] = 0.2
    reward_model: Annotated[
        Path | None, "Reward model whose score of samples chooses the epoch; absent, the validation loss does."
    ] = None
    prompts_to_choose_by: Annotated[int, "Prompts of the split valid that are sampled for that, one answer each."] = 128
    few_shot_sets: Annotated[
        int, "Sets of pairs that a few-shot demonstration is shown behind. 1: all others of its prompt, as it comes."
    ] = 1
    keep_epochs: Annotated[bool, "Keep every epoch's model in OUTPUT/epochs, not the chosen one alone."] = False
    pretraining: Annotated[Path | None, "Directory of plain text to mix in; absent, none is."] = None
    pretraining_share: Annotated[
        float, "Part of a batch's rows that is pretraining text, where there is some. InstructGPT before PPO: 0.1."
    ] = 0.1
    pretraining_length: Annotated[int, "Tokens of a row of pretraining text."] = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(
            1,
            batch_size=self.batch_size,
            prompts_to_choose_by=self.prompts_to_choose_by,
            few_shot_sets=self.few_shot_sets,
        )
        at_least(2, pretraining_length=self.pretraining_length)
        decay(residual_dropout=self.residual_dropout, pretraining_share=self.pretraining_share)


@dataclass(frozen=True, kw_only=True)
class DpoArguments(PolicyArguments):
    """`python -m policy_trainer dpo`."""

    epochs: Annotated[int, "Passes over the rankings."] = 1
    rankings_per_batch: Annotated[int, "Rankings per optimizer step."] = 32
    learning_rate: Annotated[float, "Peak. Rafailov et al. 2023: 1e-6; Tulu 3: 5e-7."] = 1e-6
    warmup_steps: Annotated[int, "Optimizer steps of linear warm-up. Rafailov et al.: 150."] = 0
    beta: Annotated[float, "How hard the reference is held to. Rafailov et al.: 0.1."] = 0.1
    label_smoothing: Annotated[float, "Part of the pairs that is taken to be labelled the wrong way round."] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, rankings_per_batch=self.rankings_per_batch)
        above_zero(beta=self.beta)
        if not 0 <= self.label_smoothing < 0.5:
            raise Refused(f"--label-smoothing is {self.label_smoothing}; it must be at least 0 and below 0.5.")


@dataclass(frozen=True, kw_only=True)
class PpoArguments(PolicyArguments):
    """`python -m policy_trainer ppo`. A step of it is an iteration: a batch of episodes, drawn and learned from."""

    MAY_DIFFER: ClassVar[frozenset[str]] = PolicyArguments.MAY_DIFFER | {
        "prompts", "hours", "watch_every", "keep_rollouts",
    }  # fmt: skip
    WITHOUT: ClassVar[frozenset[str]] = frozenset({"epochs", "eval_every", "final_learning_rate_fraction"})

    reward_model: Annotated[Path, "Reward model that is optimised; the value function begins as it."]
    watched_reward_model: Annotated[
        Path | None, "Reward model of other labels, which is only watched. Absent, nobody sees over-optimisation."
    ] = None
    ensemble: Annotated[
        Path | None, "Directory of further reward models, one a folder: all are optimised together."
    ] = None
    ensemble_rule: Annotated[EnsembleRule, "Their reward: mean − penalty · deviation, or the worst one's."] = "mean"
    ensemble_penalty: Annotated[float, "Of a deviation between reward models. Coste et al. 2023: 0.1 to 1."] = 0.5
    prompts: Annotated[
        Path | None, 'JSONL of {"prompt": [messages]}; absent, the prompts of the split train of --data.'
    ] = None
    leave_out_long_prompts: Annotated[bool, "Leave out prompts without room for an answer, not refuse them."] = False
    episodes: Annotated[int, "Answers drawn in all. InstructGPT: 256,000."] = 256_000
    hours: Annotated[float | None, "Stop in order after the iteration in which so much time is over."] = None
    batch: Annotated[int, "Episodes an iteration. InstructGPT: 512."] = 512
    minibatch: Annotated[int, "Episodes an update. InstructGPT: 64."] = 64
    completions: Annotated[int, "Episodes of one prompt in an iteration; the prompt is read once for them."] = 8
    inner_epochs: Annotated[int, "Passes over an iteration's episodes. InstructGPT: 1."] = 1
    learning_rate: Annotated[
        float, "The policy's, constant. InstructGPT looked between 2.55e-6 and 2.55e-5; without ptx 8e-6 diverged."
    ] = 5e-6
    value_learning_rate: Annotated[float, "The value function's. InstructGPT: 9e-6, 5e-6 at 175B."] = 9e-6
    warmup_steps: Annotated[int, "Iterations in which the rates rise from a tenth. InstructGPT: 10."] = 10
    adam_epsilon: Annotated[float, "AdamW's epsilon. openai/lm-human-preferences: 1e-5."] = 1e-5
    final_learning_rate_fraction: Annotated[float, "The rate is constant: 1."] = 1.0
    beta: Annotated[float, "What a nat of KL to the SFT model costs. InstructGPT: 0.02."] = 0.02
    kl_place: Annotated[
        Place, "reward: k1 on every token's reward (InstructGPT). loss: k2 in the loss. No other pair is right."
    ] = "reward"
    gamma: Annotated[float, "Weight of the pretraining loss. InstructGPT: 27.8; 0 is plain PPO."] = 27.8
    pretraining: Annotated[Path | None, "Directory of plain text; absent, the demonstrations' own texts."] = None
    pretraining_examples: Annotated[int, "Rows of pretraining text an episode. InstructGPT: 8."] = 8
    pretraining_length: Annotated[int, "Tokens of a row of pretraining text."] = 512
    advantage: Annotated[
        Advantage, "gae: with a value function. group (GRPO), leave-one-out (RLOO): by the others of the prompt."
    ] = "gae"
    advantage_scale: Annotated[
        AdvantageScale,
        "What advantages are divided by: nothing; the first iteration's deviation; every update's own (whitening).",
    ] = "frozen"
    discount: Annotated[float, "γ of the returns. InstructGPT: 1."] = 1.0
    gae_decay: Annotated[float, "λ of generalised advantage estimation. InstructGPT: 0.95."] = 0.95
    clip_ratio: Annotated[float, "The policy's clip. InstructGPT: 0.2."] = 0.2
    clip_value: Annotated[float, "The value function's clip. InstructGPT: 0.2."] = 0.2
    temperature: Annotated[float, "Of sampling, and of the probabilities that are learned. InstructGPT: 1."] = 1.0
    missing_end: Annotated[
        MissingEnd,
        "Of an answer cut at --max-new-tokens: lower its reward (TRL), or replace it, for rewards of mean 0 and "
        "deviation 1 (openai/lm-human-preferences): of others it may be more than whole answers get.",
    ] = "lower"
    missing_end_reward: Annotated[float, "What is added to its reward, or replaces it. Both of them: −1."] = -1.0
    reward_scale: Annotated[float, "Rewards are divided by this, the same for the whole run."] = 1.0
    ema_decay: Annotated[float, "Of the weights' average, which is what is kept. InstructGPT: 0.992."] = 0.992
    watch_every: Annotated[int, "Iterations between looks at held-out prompts; 0: only at the end."] = 10
    watch_prompts: Annotated[int, "Prompts of the split valid for that, one answer each."] = 128
    kl_budget: Annotated[float, "Stop when the mean KL of a whole answer passes so many nats; 0: never."] = 30.0
    entropy_floor: Annotated[float, "Stop when a token's mean entropy falls below this part of the first's."] = 0.1
    length_floor: Annotated[float, "Stop when answers' mean length falls below this part of the first's."] = 0.1
    patience: Annotated[
        int, "Stop after so many looks at which the watched reward fell while the optimised one rose; 0: never."
    ] = 3
    keep_rollouts: Annotated[bool, "Keep every episode's tokens, log-probabilities and weights' version."] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(
            1, episodes=self.episodes, batch=self.batch, minibatch=self.minibatch, completions=self.completions,
            inner_epochs=self.inner_epochs, watch_prompts=self.watch_prompts,
        )  # fmt: skip
        at_least(
            0, beta=self.beta, gamma=self.gamma, pretraining_examples=self.pretraining_examples,
            watch_every=self.watch_every, ensemble_penalty=self.ensemble_penalty, kl_budget=self.kl_budget,
            patience=self.patience,
        )  # fmt: skip
        at_least(2, pretraining_length=self.pretraining_length)
        above_zero(
            value_learning_rate=self.value_learning_rate, temperature=self.temperature, reward_scale=self.reward_scale,
            clip_ratio=self.clip_ratio, clip_value=self.clip_value,
        )  # fmt: skip
        fraction(discount=self.discount, gae_decay=self.gae_decay, entropy_floor=self.entropy_floor)
        fraction(length_floor=self.length_floor)
        decay(ema_decay=self.ema_decay)
        if self.hours is not None:
            above_zero(hours=self.hours)
        self._refuse_contradictions()

    @property
    def updates_an_iteration(self) -> int:
        return self.inner_epochs * self.batch // self.minibatch

    @property
    def iterations(self) -> int:
        """Of the whole run; the last one may reach a little beyond --episodes."""
        return -(-self.episodes // self.batch)

    @property
    def prompts_per_iteration(self) -> int:
        return self.batch // self.completions

    def _refuse_contradictions(self) -> None:
        for what, size in (("batch", self.batch), ("minibatch", self.minibatch)):
            if size % self.completions:
                raise Refused(
                    f"--{what} {size} is no multiple of --completions {self.completions}; a prompt's answers stay "
                    "together, so that it is read once for them."
                )
        if self.batch % self.minibatch:
            raise Refused(f"--batch {self.batch} is no multiple of --minibatch {self.minibatch}.")
        if self.advantage != "gae" and self.completions < 2:
            raise Refused(
                f"--advantage {self.advantage} compares the answers of one prompt and --completions is 1. Give 2."
            )
        others = [
            name for name, there in (("--gamma", self.gamma > 0), ("--kl-place loss", self.kl_place == "loss")) if there
        ]
        if self.advantage_scale == "batch" and others:
            raise Refused(
                f"--advantage-scale batch divides advantages by what they shrink to, so that {' and '.join(others)} "
                "beside them would lose all weight as the policy converges. Give frozen or none."
            )


@dataclass(frozen=True, kw_only=True)
class BestOfNArguments(RuntimeArguments):
    """`python -m policy_trainer best-of-n`."""

    data: Annotated[Path, "Snapshot directory whose prompts are answered."]
    base: Annotated[str, "Policy to sample from: a directory, or a Hugging Face id (owner/name@revision)."]
    reward_model: Annotated[Path, "Reward model that picks."]
    output: Annotated[Path, "JSON file to write (replaced if it exists)."]
    snapshot: Annotated[Path | None, "Snapshot to write, of each prompt's best answer as demonstration."] = None
    watched_reward_model: Annotated[Path | None, "Reward model that judges what the other one picked."] = None
    split: Annotated[str, "Split of the snapshot: train, valid, test or held_out."] = "valid"
    n: Annotated[int, "Answers a prompt."] = 16
    prompts: Annotated[int, "Prompts at most, the first of the split; 0: all."] = 0
    max_new_tokens: Annotated[int, "Tokens of an answer at most."] = 256
    max_length: Annotated[int, "Tokens of prompt and answer."] = 2048
    tokens_in_rollout: Annotated[int, "Tokens of prompts and answers that sampling holds at a time."] = 32_768
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], "Precision of the matrix products."] = "auto"
    seed: Annotated[int, "Of the first answer."] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, n=self.n, max_new_tokens=self.max_new_tokens, max_length=self.max_length)
        at_least(0, prompts=self.prompts, seed=self.seed)
