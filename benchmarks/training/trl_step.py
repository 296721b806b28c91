"""`.venv-bench/bin/python -m benchmarks.training.trl_step JSON`: steps of TRL's RewardTrainer on one ranking's pairs.

One optimizer step sees every pair once, parted into batches of `pairs_per_batch`.
"""

import json
import sys
import tempfile
from itertools import combinations
from time import perf_counter
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, TrainerCallback
from trl import RewardConfig, RewardTrainer

from benchmarks.training.shape import random_model, random_sequences
from benchmarks.training.side import Task, answer


class Clock(TrainerCallback):
    """Gradients from a step's first batch, already loaded, until they are clipped; then the optimizer."""

    def __init__(self) -> None:
        self.gradients: list[float] = []
        self.optimizer: list[float] = []
        self.began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = perf_counter()

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.gradients.append(perf_counter() - self.began)
        self.began = perf_counter()

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.optimizer.append(perf_counter() - self.began)


def main(given: dict[str, Any]) -> None:
    task = Task(**given)
    model = random_model(small=task.small)
    sequences = random_sequences(model, task.k, task.prompt, task.completion)
    pairs = [{"chosen_ids": a.tolist(), "rejected_ids": b.tolist()} for a, b in combinations(sequences, 2)]
    clock = Clock()
    with tempfile.TemporaryDirectory() as directory:
        trainer = RewardTrainer(
            model=model,
            args=_config(directory, task),
            train_dataset=Dataset.from_list(pairs * task.steps),
            processing_class=_tokenizer(),
            callbacks=[clock],
        )
        _warm_up(trainer.model, task, sequences)
        trainer.train()
    answer(clock.gradients, clock.optimizer, trainer.state.log_history[0]["loss"])


def _config(directory: str, task: Task) -> RewardConfig:
    return RewardConfig(
        output_dir=directory,
        per_device_train_batch_size=task.pairs_per_batch,
        gradient_accumulation_steps=task.pairs // task.pairs_per_batch,
        max_steps=task.steps,
        learning_rate=9e-6,
        bf16=task.dtype == "bfloat16",
        gradient_checkpointing=task.checkpointing,
        max_length=None,
        train_sampling_strategy="sequential",  # every step sees each pair once
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    """Only its padding is used: the pairs are token ids already."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="<eos>",
    )


def _warm_up(model: Any, task: Task, sequences: list[torch.Tensor]) -> None:
    """The first pass sets up buffers and kernels, for us as for them."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task.dtype == "bfloat16"):
        model(input_ids=sequences[0].long()[None], use_cache=False).logits.sum().backward()
    model.zero_grad(set_to_none=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
