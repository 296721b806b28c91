"""`.venv-bench-ppo/bin/python -m benchmarks.policy.trl_ppo_side JSON`: PPO by TRL 1.12, the last that has it.

Processor seconds. TRL's trainer has no groups: each prompt is sent K times.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from time import process_time
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

from benchmarks.policy.shape import ROWS_AT_ONCE, Work, write_models
from benchmarks.training.side import peak_memory

UPDATED_AT_ONCE = 4
"""Sequences. The trainer has the logits of all of their places in float32: with 16 it takes more than 20 GiB."""


class Clock(TrainerCallback):
    """Processor time of an iteration's beginning, its last drawn token, its last score and its end; the last stays."""

    def __init__(self) -> None:
        self.began = self.drawn = self.scored = self.ended = 0.0

    def drawing(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **more: Any) -> Any:
            self.began = process_time()
            found = draw(*given, **more)
            self.drawn = process_time()
            return found

        return timed

    def after_scoring(self, whiten: Callable[..., Any]) -> Callable[..., Any]:
        """Advantages are whitened once an iteration, when all is scored."""

        def timed(*given: Any, **more: Any) -> Any:
            self.scored = process_time()
            return whiten(*given, **more)

        return timed

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ended = process_time()

    def seconds(self) -> dict[str, float]:
        return {
            "seconds": self.ended - self.began, "rollout": self.drawn - self.began, "scoring": self.scored - self.drawn,
            "update": self.ended - self.scored,
        }  # fmt: skip


def watch(clock: Clock, dtype: torch.dtype) -> None:
    """Puts drawing and scoring, too, into the precision that the trainer itself updates in: alone it leaves them in
    that of the weights, which costs it more.
    """

    def precise(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def called(*given: Any, **more: Any) -> Any:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                return function(*given, **more)

        return called

    for name in ("batch_generation", "forward", "get_reward"):
        setattr(ppo_trainer, name, precise(getattr(ppo_trainer, name)))
    ppo_trainer.batch_generation = clock.drawing(ppo_trainer.batch_generation)
    ppo_trainer.masked_whiten = clock.after_scoring(ppo_trainer.masked_whiten)


def ppo(work: Work, directory: str, base: Path, reward: Path) -> dict[str, float]:
    """The second iteration of two, one update each."""
    dtype = getattr(torch, work.dtype)
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    policy = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    value = AutoModelForSequenceClassification.from_pretrained(reward, num_labels=1, dtype=torch.float32)
    for trained in (policy, value):
        trained.get_input_embeddings().requires_grad_(False)
    batch = work.prompts * work.k
    prompts = [tokenizer(text)["input_ids"] for text in work.texts(work.prompts, work.prompt, seed=1)]
    # Accelerate ends the accumulation of gradients at the last batch of the data: of three, two are taken.
    rows = [{"input_ids": ids} for ids in prompts for _ in range(3 * work.k)]
    clock = Clock()
    watch(clock, dtype)
    trainer = PPOTrainer(
        args=PPOConfig(
            output_dir=f"{directory}/out", bf16=work.dtype == "bfloat16", use_cpu=True, report_to="none",
            save_strategy="no", logging_steps=1, disable_tqdm=True, per_device_train_batch_size=UPDATED_AT_ONCE,
            gradient_accumulation_steps=batch // UPDATED_AT_ONCE,
            local_rollout_forward_batch_size=min(batch, ROWS_AT_ONCE), num_ppo_epochs=1,
            total_episodes=2 * batch, response_length=work.new, temperature=1.0, gradient_checkpointing=False,
            learning_rate=5e-6, num_sample_generations=0, dataloader_pin_memory=False,
        ),
        processing_class=tokenizer,
        model=policy,
        ref_model=AutoModelForCausalLM.from_pretrained(base, dtype=dtype),
        reward_model=AutoModelForSequenceClassification.from_pretrained(reward, num_labels=1, dtype=dtype),
        value_model=value,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list([{"input_ids": prompts[0]}]),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    return clock.seconds()


def main(given: dict[str, Any]) -> None:
    work = Work(**given)
    with tempfile.TemporaryDirectory() as directory:
        base, reward = write_models(Path(directory), work.shape)
        found = ppo(work, directory, base, reward)
    print(json.dumps(found | {"peak": peak_memory()}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
