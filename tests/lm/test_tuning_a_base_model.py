"""What docs/data-contract.md says of tuning a base model on exported demonstrations, with TRL's own code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from datasets import load_dataset
from transformers import AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from lm.conversation_tokens import ConversationTokens
from lm.prompt_format import Message
from tests.lm.snapshots import demonstration
from tests.processes import ROOT
from tests.tiny_models import make_tiny_model

PROMPT = [Message(role="user", content="Write about an animal.")]


def test_trl_makes_the_tokens_that_concord_samples_with_and_learns_the_answer_alone(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base", chat_template=False)
    page = (ROOT / "docs" / "data-contract.md").read_text()
    (program,) = [line.split('"')[1] for line in page.splitlines() if line.startswith("python -c")]
    written = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    (tmp_path / "plain.jinja").write_text(written.stdout)
    (tmp_path / "train.jsonl").write_text(json.dumps(demonstration(1, "A zebra.")) + "\n")
    trainer: Any = SFTTrainer(
        model=str(base),
        train_dataset=load_dataset("json", data_files=str(tmp_path / "train.jsonl"), split="train"),
        args=SFTConfig(
            output_dir=str(tmp_path / "out"), chat_template_path=str(tmp_path / "plain.jinja"), report_to=[],
            use_cpu=True, bf16=False,
        ),
    )  # fmt: skip
    (row,) = trainer.train_dataset
    conversations = ConversationTokens.of(AutoTokenizer.from_pretrained(base))
    assert row["input_ids"] == conversations.answered_ids(PROMPT, "A zebra.")
    opening = conversations.prompt_ids(PROMPT)
    assert row["input_ids"][: len(opening)] == opening
    assert row["labels"] == [-100] * len(opening) + row["input_ids"][len(opening) :]
