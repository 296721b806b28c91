"""Which prompts are answered in training, which text is mixed in, and what is refused."""

import json
from pathlib import Path

import pytest

from lm.errors import Refused
from lm.snapshot.reading import open_snapshot
from policy_trainer.model import Policy
from policy_trainer.pretraining import read_pretraining
from policy_trainer.prompts import MEASURED_ON, held_out_prompts, training_prompts


def written(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def asked(text: str, **more: object) -> dict[str, object]:
    return {"prompt": [{"role": "user", "content": text}], **more}


def test_prompts_of_the_snapshot_are_those_of_its_split_train(policy: Policy, snapshot: Path) -> None:
    opened = open_snapshot(snapshot)
    prompts, left_out = training_prompts(opened, None, policy, max_new_tokens=8, leave_out_long=False)
    texts = [one.messages[0]["content"] for one in prompts]
    assert texts[:2] == ["train cat?", "train dog?"]
    assert len(prompts) == 8
    assert left_out == 0
    held_out = held_out_prompts(opened, policy, max_new_tokens=8, most=3)
    assert [one.messages[0]["content"] for one in held_out] == ["valid cat?", "valid dog?", "valid show cat"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (asked("new", split="test"), "Line 2 of .* is of the split test, which is measured on"),
        (
            asked("  TEST  cat? "),
            r"1 prompts of .* begin like prompts of the snapshot that are measured on \(number 2\)",
        ),
        (asked("x" * 600), "1 prompts of .* are longer than 504 tokens.*number 2.*--leave-out-long-prompts"),
        ({"prompt": []}, "Line 2 of .* can't be used: There are no messages"),
    ],
)
def test_a_file_of_prompts_is_checked(
    policy: Policy, snapshot: Path, tmp_path: Path, line: dict[str, object], words: str
) -> None:
    """S23, and a prompt without room for an answer."""
    file = written(tmp_path / "prompts.jsonl", asked("one"), line)
    with pytest.raises(Refused, match=words):
        training_prompts(open_snapshot(snapshot), file, policy, max_new_tokens=8, leave_out_long=False)


def test_long_prompts_are_left_out_where_that_is_asked_for(policy: Policy, snapshot: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "prompts.jsonl", asked("one"), asked("x" * 600))
    opened = open_snapshot(snapshot)
    prompts, left_out = training_prompts(opened, file, policy, max_new_tokens=8, leave_out_long=True)
    assert (len(prompts), left_out) == (1, 1)
    with pytest.raises(Refused, match="There are no prompts to train on"):
        training_prompts(opened, written(file, asked("x" * 600)), policy, max_new_tokens=8, leave_out_long=True)


def test_pretraining_text_is_one_stream_in_rows_and_a_step_takes_its_own(
    policy: Policy, snapshot: Path, tmp_path: Path
) -> None:
    (tmp_path / "b.txt").write_text("bbbb")
    (tmp_path / "a.txt").write_text("aaa")
    text = read_pretraining(tmp_path, policy, length=4, seed=0, instead=[], snapshot=open_snapshot(snapshot))
    decoded = [policy.renderer.tokenizer.decode(row) for row in text.rows]
    assert decoded == ["aaa<eos>", "bbbb"]  # the last row, an end alone, has nothing to learn
    taken = [row.tolist() for row in text.take(first=0, size=5)]
    assert [row.tolist() for row in text.take(first=2, size=3)] == taken[2:]
    assert sorted(map(tuple, taken[:2])) == sorted(tuple(row.tolist()) for row in text.rows)


def test_pretraining_text_that_holds_prompts_to_be_measured_on_is_refused(
    policy: Policy, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S30."""
    monkeypatch.setattr("policy_trainer.pretraining.SAME_WORDS", 3)
    (tmp_path / "a.txt").write_text("They said: valid show cat, and went.".replace(",", " "))
    opened = open_snapshot(snapshot)
    with pytest.raises(Refused, match="1 files of --pretraining hold 3 words in a row of prompts that are measured on"):
        read_pretraining(tmp_path, policy, length=4, seed=0, instead=[], snapshot=opened)
    held_out = "Warum?"
    monkeypatch.setattr(
        type(opened),
        "prompts",
        lambda _self, split: [[{"role": "user", "content": "天空为什么是蓝色的" if split == "test" else held_out}]],
    )
    (tmp_path / "a.txt").write_text("有人问：天空为什么总是蓝色的？")  # no spaces between its words
    with pytest.raises(Refused, match="3 words in a row"):
        read_pretraining(tmp_path, policy, length=4, seed=0, instead=[], snapshot=opened)
    held_out = "Wer hat das gesagt?"
    (tmp_path / "a.txt").write_text("Wer hat das Brot?")
    assert MEASURED_ON == ("valid", "test", "held_out")
    with pytest.raises(Refused, match="3 words in a row"):
        read_pretraining(tmp_path, policy, length=4, seed=0, instead=[], snapshot=opened)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refused, match="can't be read as UTF-8"):
        read_pretraining(tmp_path, policy, length=4, seed=0, instead=[], snapshot=opened)
    with pytest.raises(Refused, match="There is no pretraining text in"):
        read_pretraining(tmp_path / "none", policy, length=4, seed=0, instead=[], snapshot=opened)
