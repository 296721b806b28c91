"""`.venv-bench/bin/python -m tests.policy_trainer.continued_by_trl MODEL`: a step of TRL's SFT and of its DPO from it.

Prints both losses as JSON. Imports nothing of ours: TRL has a virtual environment of its own.
"""

import json
import sys
import tempfile
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

PROMPT = [{"role": "user", "content": "Say it."}]
KINDS: list[tuple[str, Any, Any, dict[str, str]]] = [
    ("sft", SFTTrainer, SFTConfig, {"completion": "a zebra"}),
    ("dpo", DPOTrainer, DPOConfig, {"chosen": "a zebra", "rejected": "a cow"}),
]


def step(model: str, directory: str, trainer: Any, config: Any, answers: dict[str, str]) -> float:
    row = {name: [{"role": "assistant", "content": text}] for name, text in answers.items()}
    made = trainer(
        model=model,
        args=config(
            output_dir=directory, max_steps=1, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
            logging_steps=1, disable_tqdm=True, per_device_train_batch_size=2, dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": PROMPT, **row}] * 2),
    )  # fmt: skip
    made.train()
    return float(made.state.log_history[0]["loss"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps({name: step(sys.argv[1], temporary, *rest) for name, *rest in KINDS}))
