"""`.venv-bench/bin/python -m benchmarks.policy.trl_learning JSON`: TRL's RLOOTrainer, whose policies are written as it
goes."""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from datasets import Dataset
from transformers import AutoTokenizer
from trl import RLOOConfig, RLOOTrainer

from benchmarks.policy.quality import BATCH, Learning, reward_of


def rewards(completions: list[str], **_: Any) -> list[float]:
    return [reward_of(one) for one in completions]


def learn(learning: Learning, base: Path, output: Path) -> float:
    """Seconds, those of writing included."""
    trainer = RLOOTrainer(
        model=str(base),
        reward_funcs=rewards,
        args=RLOOConfig(
            output_dir=str(output), per_device_train_batch_size=BATCH, num_generations=learning.k,
            max_steps=learning.iterations, max_completion_length=learning.new, learning_rate=learning.rate,
            lr_scheduler_type="constant", beta=learning.beta, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8,
            weight_decay=0.0, max_grad_norm=1.0, gradient_checkpointing=False, bf16=False, use_cpu=True,
            shuffle_dataset=False, save_strategy="steps", save_steps=learning.look, save_only_model=True,
            report_to="none", disable_tqdm=True, dataloader_pin_memory=False, seed=learning.seed,
        ),
        train_dataset=Dataset.from_list([{"prompt": text} for text in learning.prompts()]),
        processing_class=AutoTokenizer.from_pretrained(base, padding_side="left"),
    )  # fmt: skip
    began = perf_counter()
    trainer.train()
    return perf_counter() - began


def main(given: dict[str, Any]) -> None:
    base, output = Path(given.pop("base")), Path(given.pop("output"))
    print(json.dumps({"seconds": learn(Learning(**given), base, output)}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
