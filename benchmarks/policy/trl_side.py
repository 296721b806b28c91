"""`.venv-bench/bin/python -m benchmarks.policy.trl_side JSON`: TRL's trainers on the same. Processor seconds.

`way`: of SFT "defaults" (padding, activations recomputed) or "packed" (rows of 1,024, activations kept).
"""

import json
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, RLOOConfig, RLOOTrainer, SFTConfig, SFTTrainer

from benchmarks.policy.shape import ROWS_AT_ONCE, Work, demonstrations, write_models
from benchmarks.training.side import peak_memory


class Clock(TrainerCallback):
    """Processor seconds of every optimizer step, its batch's generation and scoring included."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.began = process_time()

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        if not self.steps:
            self.began = min(self.began, process_time())

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.steps.append(process_time() - self.began)
        self.began = process_time()


def common(directory: str, work: Work) -> dict[str, Any]:
    return {
        "output_dir": f"{directory}/out", "bf16": work.dtype == "bfloat16", "logging_steps": 1, "save_strategy": "no",
        "report_to": "none", "use_cpu": True, "disable_tqdm": True, "dataloader_pin_memory": False,
    }  # fmt: skip


def sft(work: Work, directory: str, base: Path, way: str) -> dict[str, float]:
    """Two epochs, of which the second is timed."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = []
    for prompt, answer in demonstrations(work):
        ids = [tokenizer(f"{part} {end}".strip())["input_ids"] for part, end in ((prompt, ""), (answer, "<end>"))]
        rows.append({"input_ids": ids[0] + ids[1], "completion_mask": [0] * len(ids[0]) + [1] * len(ids[1])})
    packed = way == "packed"
    clock = Clock()
    trainer = SFTTrainer(
        model=_frozen(base),
        args=SFTConfig(
            **common(directory, work), per_device_train_batch_size=8, num_train_epochs=2, max_length=1024,
            packing=packed, gradient_checkpointing=not packed, completion_only_loss=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    half = len(clock.steps) // 2
    tokens = sum(len(row["input_ids"]) for row in rows)
    return {"seconds": sum(clock.steps[half:]), "tokens": tokens, "loss": trainer.state.log_history[0]["loss"]}


def ppo(work: Work, directory: str, base: Path, reward: Path) -> dict[str, float]:
    """RLOO, for TRL has no PPO any more: no value function. The second of two steps is timed."""
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    judge = AutoModelForSequenceClassification.from_pretrained(reward, num_labels=1)
    clock = Clock()
    batch = work.prompts * work.k
    size = min(batch, ROWS_AT_ONCE)
    trainer = RLOOTrainer(
        model=str(base),
        reward_funcs=judge,
        args=RLOOConfig(
            **common(directory, work), per_device_train_batch_size=size, num_generations=work.k, max_steps=2,
            gradient_accumulation_steps=batch // size, max_completion_length=work.new, gradient_checkpointing=False,
            learning_rate=5e-6, shuffle_dataset=False,
        ),
        train_dataset=Dataset.from_list(
            [{"prompt": text} for text in work.texts(2 * work.prompts, work.prompt, seed=1)]
        ),
        processing_class=tokenizer,
        reward_processing_classes=AutoTokenizer.from_pretrained(reward),
        callbacks=[clock],
    )  # fmt: skip
    trainer.model.get_input_embeddings().requires_grad_(False)
    drawn: list[float] = []
    draw = trainer._generate_and_score_completions  # noqa: SLF001  there is no other place to time it

    def timed(*given: Any, **more: Any) -> Any:
        began = process_time()
        found = draw(*given, **more)
        drawn.append(process_time() - began)
        return found

    trainer._generate_and_score_completions = timed  # noqa: SLF001
    trainer.train()
    return {"seconds": clock.steps[-1], "rollout_and_scoring": drawn[-1], "update": clock.steps[-1] - drawn[-1]}


def dpo(work: Work, directory: str, base: Path) -> dict[str, float]:
    """All pairs of the ranking in one step, parted as they fit; the second of two is timed."""
    prompt = work.texts(1, work.prompt, seed=1)[0]
    answers = work.texts(work.k, work.new, seed=2)
    pairs = [{"prompt": prompt + " ", "chosen": a, "rejected": b} for a, b in combinations(answers, 2)]
    size = 4
    clock = Clock()
    trainer = DPOTrainer(
        model=_frozen(base),
        args=DPOConfig(
            **common(directory, work), per_device_train_batch_size=size, max_steps=2, max_length=None,
            gradient_accumulation_steps=len(pairs) // size, gradient_checkpointing=False, learning_rate=1e-6,
        ),
        train_dataset=Dataset.from_list(pairs * 2),
        processing_class=AutoTokenizer.from_pretrained(base),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    return {"seconds": clock.steps[-1], "loss": trainer.state.log_history[0]["loss"]}


def _frozen(base: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.get_input_embeddings().requires_grad_(False)
    return model


def main(given: dict[str, Any]) -> None:
    way = given.pop("way", "")
    work = Work(**given)
    with tempfile.TemporaryDirectory() as directory:
        base, reward = write_models(Path(directory), work.shape)
        if work.kind == "sft":
            found = sft(work, directory, base, way)
        elif work.kind == "ppo":
            found = ppo(work, directory, base, reward)
        else:
            found = dpo(work, directory, base)
    print(json.dumps(found | {"peak": peak_memory()}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
