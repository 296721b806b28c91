"""What the benchmarks of training are made of: the sides, the rankings they read, and what they make of figures."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_train_step, reward_quality
from benchmarks.reward_quality import Seed, Side
from benchmarks.train_step import Row, rows
from benchmarks.training import oasst, our_step
from benchmarks.training.side import Answer, PeerMissing, Task, ask, peak_memory
from lm.snapshot.reading import open_snapshot
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.model import head

SMALL = {"k": 4, "prompt": 20, "completion": 10, "dtype": "float32", "steps": 1, "small": True}


def reply(text: str, rank: int | None, *replies: object) -> dict[str, object]:
    return {"text": text, "role": "assistant", "rank": rank, "replies": list(replies)}


def turn(text: str, *replies: object) -> dict[str, object]:
    return {"text": text, "role": "prompter", "replies": list(replies)}


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """A question with three ranked replies and one unranked; a turn below with two; a turn with a single reply."""
    below = turn("Why?", reply("So.", 1), reply("Because.", 0))
    alone = turn("Sure?", reply("Yes.", 0))
    question = turn(
        "How?", reply("Thus.", 2), reply("This way.", 0, below), reply("That way.", 1, alone), reply("?", None)
    )
    path = tmp_path / "trees.jsonl"
    path.write_text(json.dumps({"message_tree_id": "a", "prompt": question}) + "\n")
    return path


class TestOpenAssistant:
    def test_siblings_with_ranks_are_a_ranking_with_the_turns_before_them(self, trees: Path) -> None:
        first, second = oasst.read(trees)
        assert first.replies == ("Thus.", "This way.", "That way.")
        assert first.ranks == (3, 1, 2)
        assert [one["content"] for one in second.messages] == ["How?", "This way.", "Why?"]
        assert [one["role"] for one in second.messages] == ["user", "assistant", "user"]
        assert second.ranks == (2, 1)

    def test_the_trainer_reads_what_is_written_of_them(self, trees: Path, tmp_path: Path) -> None:
        numbered = list(enumerate(oasst.read(trees), start=1))
        oasst.write_snapshot(tmp_path / "snapshot", {"train": numbered[:1], "valid": numbered[1:]})
        snapshot = open_snapshot(tmp_path / "snapshot")
        (train,), (valid,) = snapshot.rankings("train"), snapshot.rankings("valid")
        assert train.ranks == (3, 1, 2)
        assert valid.completions == ("So.", "Because.")


@pytest.mark.django_db
class TestThroughTheProduct:
    def test_what_people_ranked_comes_out_as_they_ranked_it(self, trees: Path, tmp_path: Path) -> None:
        """Both come in, though shorter than an import wants, are handed in, exported and read by the trainer."""
        from benchmarks.desk.trees import label

        assert label(oasst.read(trees), tmp_path / "snapshot") == {"in the trees": 2, "imported": 2, "refused": 0}
        snapshot = open_snapshot(tmp_path / "snapshot")
        found = [ranking for split in snapshot.splits("rankings") for ranking in snapshot.rankings(split)]
        ranked = {text: rank for one in found for text, rank in zip(one.completions, one.ranks, strict=True)}
        assert ranked == {"Thus.": 3, "This way.": 1, "That way.": 2, "So.": 2, "Because.": 1}


class TestSides:
    @pytest.mark.training
    def test_ours_says_the_loss_before_its_first_step(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Four scores near each other: about log 2."""
        our_step.main({**SMALL, "way": "ours"})
        said = json.loads(capsys.readouterr().out)
        assert said["loss"] == pytest.approx(0.69, abs=0.1)
        assert Answer(**said).a_prompt == said["gradients"] + said["optimizer"] / 64
        assert said["peak"] == pytest.approx(peak_memory(), rel=0.5)

    @pytest.mark.parametrize(
        ("size", "ours", "full"), [((4, 128, 64), 4, 2), ((9, 128, 64), 2, 1), ((9, 512, 128), 1, 1)]
    )
    def test_ours_has_no_more_tokens_at_a_time_than_full_sequences_or_the_trainer(
        self, size: tuple[int, int, int], ours: int, full: int
    ) -> None:
        """384 tokens against 768 a prompt, 704 against 1,728, 1,664 against 5,760; the trainer takes 2,048."""
        k, prompt, completion = size
        task = Task(k=k, prompt=prompt, completion=completion, dtype="float32")
        assert (our_step.prompts_a_pass(task, "ours"), our_step.prompts_a_pass(task, "full")) == (ours, full)

    def test_a_peer_that_is_not_installed_is_named_with_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(PeerMissing, match=r"make \.venv-bench/\.bench"):
            ask("benchmarks.training.trl_step", {}, python=tmp_path / "python")

    def test_every_row_says_its_precision_and_what_is_kept_of_activations(self) -> None:
        names = [row.name for row in rows(quick=False)]
        assert len(set(names)) == len(names) == 9
        assert all("float32" in name or "bfloat16" in name for name in names)
        assert sum("activations recomputed, TRL's defaults" in name for name in names) == 3
        assert Row(task=Task(k=9, prompt=1, completion=1, dtype="float32")).task.pairs == 36


class TestQuality:
    @staticmethod
    def side(seconds: float, *correct: float) -> Side:
        outcomes = [
            Outcome(
                ranking_id=number,
                prompt_id=number,
                completion_ids=(1, 2),
                rewards=(0.0, 1.0),
                pairs=2,
                correct=right,
                log_loss=1.0,
            )
            for number, right in enumerate(correct)
        ]
        return Side(seconds, outcomes)

    def test_figures_by_hand(self) -> None:
        """Ours has 3 of 4 pairs, TRL 2 of 4: 25 points apart; a quarter is padding; 1 of 10 seconds waited."""
        seed = Seed(
            seed=0,
            ours=self.side(10, 2, 1),
            trl=self.side(50, 1, 1),
            reading={"padding": 0.25},
            waiting=1.0,
        )
        found = {one.name: one for one in reward_quality.measures_of([seed])}
        whole = found["held-out pair accuracy, seed 0 alone, 2 rankings, 4 pairs"]
        assert (whole.value, whole.peer_value) == (75, 50)
        assert found["ours less TRL's"].value == 25
        assert found["lower end of its paired 95% interval"].value == 0
        assert found["upper end of its paired 95% interval"].value == 50
        assert found["training, seed 0 alone"].ratio == 5
        assert found["padding among the tokens of our training"].value == 25
        assert found["our training waits for data"].value == 10

    def test_without_the_file_nothing_is_measured(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(reward_quality, "TREES", tmp_path / "missing.jsonl")
        assert reward_quality.main(quick=True) == []
        assert "is not here, so nothing was measured" in capsys.readouterr().out


class TestGpu:
    def test_without_one_it_says_so_and_measures_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert gpu_train_step.main(quick=False) == []
        assert "no CUDA device" in capsys.readouterr().out

    @pytest.mark.training
    def test_a_tiny_one_takes_its_step_on_a_processor(self) -> None:
        shape = gpu_train_step.Shape(gpu_train_step.TINY, rankings=2, k=3, prompt=8, completion=4)
        trainer = gpu_train_step.Trainer(shape.config, torch.device("cpu"))
        before = head(trainer.model).weight.detach().clone()
        step = trainer.step(shape, repeats=1)
        assert not torch.equal(before, head(trainer.model).weight)
        found = {one.unit: one for one in gpu_train_step.measures_of(shape, step, name="NVIDIA H100 80GB HBM3")}
        assert found["prompts/s"].value == pytest.approx(2 / step.seconds)
        assert found["h"].value == pytest.approx(33_000 * step.seconds / 2 / 3600)
        assert found["%"].device == "NVIDIA H100 80GB HBM3"

    def test_the_products_of_a_ranking_by_hand(self) -> None:
        """Width 4, two heads of 2 on one of keys, inner 8: 16 + 16 + 8 + 8 + 96 = 144 weights. Prompt 3 with two
        completions of 1: 5 tokens, and 6 + 2 · (3 + 1) = 14 pairs that see each other.
        """
        config = {"hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                  "num_key_value_heads": 1}  # fmt: skip
        shape = gpu_train_step.Shape(config, rankings=1, k=2, prompt=3, completion=1)
        assert gpu_train_step.flops_per_ranking(shape) == 6 * 144 * 5 + 12 * 4 * 14
