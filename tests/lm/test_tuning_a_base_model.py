"""What docs/data-contract.md says of tuning a base model on exported demonstrations, with TRL's own code."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from lm.conversation_tokens import ConversationTokens
from lm.prompt_format import Message
from lm.snapshot.manifest import verify_snapshot
from lm.snapshot.records.written import DemonstrationRecord
from lm.snapshot.writing import SnapshotWriter
from tests.processes import ROOT
from tests.tiny_models import make_tiny_model

PROMPT = [Message(role="user", content="Write about an animal.")]
ZEBRA: DemonstrationRecord = {
    "schema": 1, "demonstration_id": 1, "revision": 1, "prompt_id": 1, "campaign": "starter", "split": "train",
    "prompt": PROMPT, "completion": [Message(role="assistant", content="A zebra.")], "labeler": "L1",
    "labeler_group": "training", "simulated": False, "use_case": "other", "language": "en", "source": "labeler",
    "instruction_version": 1, "active_seconds": 9, "submitted_at": "2026-01-01T00:00:00.000000Z", "suggestion": None,
    "fixed": False, "prompt_source": "labeler",
}  # fmt: skip


def trainer_of_the_page(*, base: Path, snapshot: Path, output: Path) -> Any:
    """What the page's program makes, before it trains."""
    page = (ROOT / "docs" / "data-contract.md").read_text()
    (program,) = [part.split("```")[0] for part in page.split("```python\n") if "SFTTrainer(" in part]
    for name, path in (("BASE", base), ("SNAPSHOT", snapshot), ("TUNED", output)):
        assert f'"{name}' in program
        program = program.replace(f'"{name}', f'"{path}')
    here = program.replace("SFTConfig(", "SFTConfig(report_to=[], use_cpu=True, bf16=False, ")
    names: dict[str, Any] = {}
    exec(here.replace("trainer.train()\n", ""), names)
    return names["trainer"]


def test_trl_makes_the_tokens_that_concord_samples_with_and_learns_the_answer_alone(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base", chat_template=False)
    (tmp_path / "snapshot").mkdir()
    with SnapshotWriter(tmp_path / "snapshot") as files:
        files.write("demonstrations", "train", ZEBRA)
        files.finish(as_of=datetime(2026, 1, 1, tzinfo=UTC), filters={}, counts={"train": {"demonstrations": 1}})
    template = [file for file in verify_snapshot(tmp_path / "snapshot").files if file.kind == "chat_template"]
    assert [file.path for file in template] == ["chat_template.jinja"]

    trainer = trainer_of_the_page(base=base, snapshot=tmp_path / "snapshot", output=tmp_path / "out")
    (row,) = trainer.train_dataset
    conversations = ConversationTokens.of(AutoTokenizer.from_pretrained(base))
    assert row["input_ids"] == conversations.answered_ids(PROMPT, "A zebra.")
    opening = conversations.prompt_ids(PROMPT)
    assert row["input_ids"][: len(opening)] == opening
    assert row["labels"] == [-100] * len(opening) + row["input_ids"][len(opening) :]
