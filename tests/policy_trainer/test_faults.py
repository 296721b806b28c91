"""Whatever ends a run is said in words, and the same command goes on to the same model."""

import errno
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lm.errors import Failed, Refused
from lm.training.checkpoints import Checkpoints, Done
from lm.training.output import sole_writer
from policy_trainer.kept import Kept
from policy_trainer.learned import learned_log_probs
from policy_trainer.model import Policy, load_policy
from policy_trainer.ppo_setup import Run
from policy_trainer.ppo_step import value_loss
from policy_trainer.rollout import Sampling, prompt_of, sample
from policy_trainer.sft_setup import Run as SftRun
from policy_trainer.watch import Look
from sampler.engine import Engine
from tests.forks import fork
from tests.policy_trainer.commands import metrics, train, weights
from tests.policy_trainer.known_optimum.language import CPU, arguments, learned

pytestmark = [pytest.mark.training, pytest.mark.processes]

OPTIONS = ("--episodes", "64", "--batch", "16", "--minibatch", "8", "--max-new-tokens", "6", "--watch-every", "2",
           "--checkpoint-every", "1")  # fmt: skip
Patch = pytest.MonkeyPatch


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lose_the_device() -> None:
    raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronous.")


def in_the_rollout(patch: Patch, iteration: int, act: Callable[[], None]) -> None:
    """At its third step, when some tokens are drawn."""
    draw, step = Run.draw, Engine.step
    steps: list[Engine] = []

    def drawing(run: Run, number: int, version: int) -> Any:
        if number == iteration:
            patch.setattr(Engine, "step", stepping)
        return draw(run, number, version)

    def stepping(engine: Engine) -> None:
        steps.append(engine)
        if len(steps) == 3:
            act()
        step(engine)

    patch.setattr(Run, "draw", drawing)


def in_the_update(patch: Patch, iteration: int, act: Callable[[], None]) -> None:
    """In its second."""
    seen = []

    def refuse(number: int, *_: Any, **__: Any) -> None:
        seen.append(number)
        if seen.count(iteration) == 2:
            act()

    patch.setattr("policy_trainer.ppo.refuse_broken_numbers", refuse)


def in_the_checkpoint(patch: Patch, act: Callable[[], None]) -> None:
    """In the next one, whose weights are written and whose last file isn't."""
    patch.setattr("lm.training.checkpoints.write_json_file", lambda *_: act())


def in_the_second_checkpoint(patch: Patch) -> None:
    """The disk is full."""
    right = Checkpoints.save

    def save(self: Checkpoints[Any], model: Any, optimizer: Any, done: Done[Any], **more: Any) -> None:
        if len(done.results) == 2:
            refuse()
        right(self, model, optimizer, done, **more)

    patch.setattr(Checkpoints, "save", save)


def refuse(*_: Any, **__: Any) -> None:
    raise Failed("The disk is full.")


def while_rollouts_are_written(patch: Patch) -> None:
    """The disk is full after the first line."""

    def some(pieces: Iterable[str]) -> Iterator[str]:
        yield next(iter(pieces))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    right = Kept._write_lines.__globals__["write_text_file"]
    patch.setattr("policy_trainer.kept.write_text_file", lambda path, pieces: right(path, some(pieces)))


def killed(command: Callable[[], int]) -> None:
    assert fork(command, stdout=subprocess.DEVNULL).wait(60) == -signal.SIGKILL


def test_whatever_ends_a_run_the_same_command_goes_on_to_the_same_model_rollouts_included(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One run has all of it: kill -9 in a rollout, an update and a checkpoint, a device lost, a disk full twice."""
    options = (*OPTIONS, "--reward-model", str(tiny_reward_model))
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert train("ppo", snapshot, tiny_base, whole, *options) == 0

    def go_on() -> int:
        return train("ppo", snapshot, tiny_base, out, *options)

    def ends(words: str) -> None:
        assert go_on() == 1
        assert words in capsys.readouterr().err

    with monkeypatch.context() as patch:
        in_the_rollout(patch, 1, kill)
        killed(go_on)
    with monkeypatch.context() as patch:
        in_the_rollout(patch, 2, lose_the_device)
        ends("The device failed: CUDA error: unspecified launch failure. The same command goes on after step 1.")
    with monkeypatch.context() as patch:
        while_rollouts_are_written(patch)
        ends("iteration-000002.jsonl could not be written: [Errno 28] No space left on device. The same command goes")
    with monkeypatch.context() as patch:
        in_the_update(patch, 2, kill)
        killed(go_on)
    with monkeypatch.context() as patch:
        in_the_checkpoint(patch, kill)  # after a look, whose model is the best so far
        killed(go_on)
    with monkeypatch.context() as patch:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        in_the_update(patch, 3, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20 * 1024, limits[1])))
        try:
            ends("step-00000003 could not be written")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in (tmp_path / ".out.checkpoints").iterdir()] == ["step-00000002"]
    assert not out.exists()

    assert go_on() == 0
    assert "Going on after iteration 2." in capsys.readouterr().err
    assert weights(out) == weights(whole)
    for name in ("figures", "looks"):
        assert metrics(out)[name] == metrics(whole)[name]
    for path in (whole / "rollouts").iterdir():
        assert (out / "rollouts" / path.name).read_bytes() == path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


@pytest.mark.parametrize("command", ["sft", "dpo"])
def test_killed_in_a_step_and_in_a_checkpoint_sft_and_dpo_go_on_to_the_same_model(
    tmp_path: Path, snapshot: Path, tiny_base: Path, command: str, monkeypatch: Patch
) -> None:
    """In the second step's update, and in the third's checkpoint."""
    size = {"sft": ("--batch-size", "2", "--residual-dropout", "0.2"), "dpo": ("--rankings-per-batch", "2")}
    options = (*size[command], "--epochs", "2", "--max-new-tokens", "4", "--checkpoint-every", "1")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert train(command, snapshot, tiny_base, whole, *options) == 0

    def go_on() -> int:
        return train(command, snapshot, tiny_base, out, *options)

    def kill_in_the_second(step: int, *_: Any, **__: Any) -> None:
        if step == 2:
            kill()

    with monkeypatch.context() as patch:
        patch.setattr(f"policy_trainer.{command}.refuse_broken_numbers", kill_in_the_second)
        killed(go_on)
    with monkeypatch.context() as patch:
        right = Checkpoints._write

        def write(self: Checkpoints[Any], directory: Path, *given: Any) -> None:
            right(self, directory, *given)
            if "step-00000003" in directory.name:
                kill()

        patch.setattr(Checkpoints, "_write", write)
        killed(go_on)
    assert {path.name for path in (tmp_path / ".out.checkpoints").glob("step-*")} == {"step-00000002"}
    assert go_on() == 0
    assert weights(out) == weights(whole)
    for name in ("figures", "epochs"):
        assert metrics(out)[name] == metrics(whole)[name]
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_the_best_epoch_of_a_checkpoint_stays_until_the_next_checkpoint_is_written(
    tmp_path: Path, snapshot: Path, tiny_base: Path, monkeypatch: Patch
) -> None:
    """A device may add up otherwise when steps are done again: the second epoch is the best, its checkpoint can't be
    written, and then it is not.
    """
    options = ("--epochs", "3", "--batch-size", "4", "--checkpoint-every", "1")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert train("sft", snapshot, tiny_base, whole, *options, "--keep-epochs") == 0

    def losing(losses: dict[int, float]) -> None:
        right = SftRun.measure
        monkeypatch.setattr(
            SftRun, "measure", lambda run, step, of: {**right(run, step, of), "valid_loss": losses.get(step, 9.0)}
        )

    with monkeypatch.context() as patch:
        in_the_second_checkpoint(patch)
        losing({1: 1.0, 2: 0.5})
        assert train("sft", snapshot, tiny_base, out, *options) == 1
    losing({1: 1.0, 2: 2.0})
    assert train("sft", snapshot, tiny_base, out, *options) == 0
    assert metrics(out)["chosen"] == 1
    assert weights(out) == weights(whole / "epochs" / "epoch-01")
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_the_best_look_of_a_checkpoint_stays_until_the_next_checkpoint_is_written(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, monkeypatch: Patch
) -> None:
    options = (*OPTIONS, "--reward-model", str(tiny_reward_model), "--watch-every", "1", "--patience", "0")
    first, out = tmp_path / "first", tmp_path / "out"
    assert train("ppo", snapshot, tiny_base, first, *options, "--episodes", "16") == 0

    def seeing(watched: dict[int, float]) -> None:
        right = Look.of
        monkeypatch.setattr(
            Look, "of", lambda number, *of, **more: replace(right(number, *of, **more), watched=watched.get(number, -9))
        )

    with monkeypatch.context() as patch:
        in_the_second_checkpoint(patch)
        seeing({1: 1.0, 2: 2.0})
        assert train("ppo", snapshot, tiny_base, out, *options) == 1
    seeing({1: 1.0, 2: 0.5})
    assert train("ppo", snapshot, tiny_base, out, *options) == 0
    assert metrics(out)["chosen"] == 1
    assert weights(out) == weights(first)


@pytest.mark.parametrize("command", ["sft", "ppo"])
def test_a_run_that_ends_while_its_output_is_written_has_all_of_it_still(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, command: str, monkeypatch: Patch
) -> None:
    options: tuple[str, ...] = (*OPTIONS, "--reward-model", str(tiny_reward_model), "--episodes", "16")
    if command == "sft":
        options = ("--epochs", "1", "--keep-epochs", "--checkpoint-every", "1")
    with monkeypatch.context() as patch:
        patch.setattr("policy_trainer.report.write", refuse)
        assert train(command, snapshot, tiny_base, tmp_path / "out", *options) == 1
    assert train(command, snapshot, tiny_base, tmp_path / "out", *options) == 0
    load_policy(str(tmp_path / "out"), max_length=64)  # which refuses weights that are missing
    assert len(list((tmp_path / "out").glob("epochs/epoch-01/*.safetensors"))) == (command == "sft")
    assert len(list((tmp_path / "out").glob("rollouts/*"))) == (command == "ppo")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_out_of_memory_in_a_rollout_halves_it_and_changes_no_answer(policy: Policy, monkeypatch: Patch) -> None:
    prompts = [prompt_of(policy, n, [{"role": "user", "content": text}]) for n, text in enumerate("ab", 1)]
    sampling = Sampling(completions=4, max_new_tokens=6)
    expected = sample(policy, CPU, prompts, sampling, seed=1, version=0)
    right = Engine._network

    def small(engine: Engine, of_pass: Any, ids: torch.Tensor, *given: Any, **more: Any) -> torch.Tensor:
        if not more and ids.shape[1] > 3:  # more than three rows at a time
            raise torch.OutOfMemoryError
        return right(engine, of_pass, ids, *given, **more)

    monkeypatch.setattr(Engine, "_network", small)
    found = sample(policy, CPU, prompts, sampling, seed=1, version=0)
    assert [one.tokens.ids.tolist() for one in found] == [one.tokens.ids.tolist() for one in expected]
    assert [one.seeds for one in found] == [one.seeds for one in expected]

    def full(*_: Any, **__: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Engine, "_network", full)
    with pytest.raises(Failed, match=r"Not even one completion fits into memory.*Lower --max-new-tokens"):
        sample(policy, CPU, prompts, sampling, seed=1, version=0)


@pytest.mark.parametrize("command", ["sft", "ppo", "dpo"])
def test_two_runs_never_write_to_one_output(
    tmp_path: Path, snapshot: Path, tiny_base: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--reward-model", str(tmp_path)) if command == "ppo" else ()
    with sole_writer(tmp_path / "out"):
        assert train(command, snapshot, tiny_base, tmp_path / "out", *more) == 2
    assert "Another training writes to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "more", "models"),
    [("sft", (), 2), ("sft", ("--keep-epochs", "--epochs", "5"), 5), ("ppo", (), 2)],
)
def test_a_disk_without_room_for_every_model_that_lies_there_at_a_time_is_refused(
    tmp_path: Path,
    snapshot: Path,
    tiny_base: Path,
    tiny_reward_model: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    more: tuple[str, ...],
    models: int,
) -> None:
    """The best one and the next, or each epoch's."""
    size = sum(one.nbytes for one in load_policy(str(tiny_base), max_length=64).model.parameters())
    monkeypatch.setattr("lm.training.output.shutil.disk_usage", lambda _: SimpleNamespace(free=models * size - 1))
    given = ("--reward-model", str(tiny_reward_model)) if command == "ppo" else ()
    assert train(command, snapshot, tiny_base, tmp_path / "out", "--checkpoint-every", "0", *given, *more) == 2
    assert "GiB free and the run needs" in capsys.readouterr().err


def test_numbers_that_are_none_end_a_run_with_the_ids_of_their_batch(
    tmp_path: Path, snapshot: Path, tiny_base: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_probs = learned_log_probs
    monkeypatch.setattr("policy_trainer.sft.learned_log_probs", lambda *given: log_probs(*given) * torch.nan)
    assert train("sft", snapshot, tiny_base, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "Step 1: the loss is nan" in said
    named = said.split("The demonstrations of this batch: ")[1].split(".")[0]
    assert sorted(named.split(", ")) == ["1", "2", "3", "4"]

    right = value_loss
    monkeypatch.setattr("policy_trainer.ppo.value_loss", lambda *given, **more: right(*given, **more) * torch.nan)
    with pytest.raises(Failed, match=r"Step 1: the loss is nan .* The prompts of this batch: 1\."):
        learned(arguments(episodes=40))


def test_broken_weights_are_refused_and_answers_without_probabilities_end_a_run(
    tmp_path: Path, tiny_base: Path, policy: Policy
) -> None:
    broken = copytree(tiny_base, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["model.norm.weight"][0] = torch.nan
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Refused, match="its weights are broken"):
        load_policy(str(broken), max_length=64)
    policy.model.get_parameter("model.norm.weight").data[0] = torch.nan
    asked = [prompt_of(policy, 7, [{"role": "user", "content": "a"}])]
    with pytest.raises(Failed, match="The policy gives no usable probabilities at prompt 7"):
        sample(policy, CPU, asked, Sampling(completions=1, max_new_tokens=2), seed=1, version=0)


def test_a_loss_that_jumps_ends_a_run_with_the_ids_of_its_batch(
    tmp_path: Path, snapshot: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("sft", snapshot, tiny_base, tmp_path / "out", "--spike-factor", "0.1") == 1
    assert "The demonstrations of this batch: " in capsys.readouterr().err
    with pytest.raises(Failed, match=r"Step 1: the loss jumped to \d.* The prompts of this batch: 1\."):
        learned(arguments(episodes=40, gamma=0.3, spike_factor=0.5))
