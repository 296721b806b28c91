"""`.venv-bench/bin/python -m benchmarks.training.trl_train JSON`: TRL's RewardTrainer on pairs of tokens.

Says how long it took, and how the model that it leaves scores held-out sequences.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer


def main(given: dict[str, Any]) -> None:
    data = json.loads(Path(given["data"]).read_text())
    model = AutoModelForSequenceClassification.from_pretrained(given["base"], num_labels=1, dtype=torch.float32)
    model.get_input_embeddings().requires_grad_(False)
    for layer in model.model.layers[: given["freeze_layers"]]:
        layer.requires_grad_(False)
    with tempfile.TemporaryDirectory() as directory:
        trainer = RewardTrainer(
            model=model,
            args=_config(directory, given),
            train_dataset=Dataset.from_list(data["pairs"]),
            processing_class=AutoTokenizer.from_pretrained(given["base"]),
        )
        began = perf_counter()
        trainer.train()
        seconds = perf_counter() - began
    scores = [_score(model.eval(), sequence) for sequence in data["held_out"]]
    print(json.dumps({"seconds": seconds, "steps": trainer.state.global_step, "scores": scores}), flush=True)


def _config(directory: str, given: dict[str, Any]) -> RewardConfig:
    """What the other side has, too: one epoch of a cosine to a tenth, InstructGPT's betas, no weight decay."""
    return RewardConfig(
        output_dir=directory,
        per_device_train_batch_size=given["pairs_per_batch"],
        gradient_accumulation_steps=given["batches_per_step"],
        num_train_epochs=1,
        learning_rate=given["learning_rate"],
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.1},
        adam_beta2=0.95,
        weight_decay=0.0,
        bf16=True,
        gradient_checkpointing=False,
        max_length=None,
        seed=given["seed"],
        logging_steps=1000,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


@torch.no_grad()
def _score(model: Any, sequence: list[int]) -> float:
    return float(model(input_ids=torch.tensor([sequence]), use_cache=False).logits)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
