"""Through the commands: how a batch is parted changes nothing, and every other option something."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from tests.lm.snapshots import demonstration, ranking, write_snapshot
from tests.policy_trainer.commands import events, train, weights

pytestmark = pytest.mark.training

TEXTS = (
    "a",
    "a longer answer",
    "yes",
    "it is the longest of all that are here, by far",
    "no",
    "one two three",
    "b",
    "c d",
)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight of each, of lengths and numbers of completions so unlike that a mean of their means is another mean."""
    demonstrations = [demonstration(n, text, prompt=f"show {n}") for n, text in enumerate(TEXTS, 1)]
    rankings = [
        ranking(n, [(text * (1 + k), 1 + k) for k in range(2 + n % 3)], prompt=f"say {n}" + " please" * n)
        for n, text in enumerate(TEXTS, 1)
    ]
    directory = tmp_path_factory.mktemp("uneven")
    return write_snapshot(directory, rankings={"train": rankings}, demonstrations={"train": demonstrations})


SAME = ("--dtype", "float32", "--adam-epsilon", "1e-3", "--max-new-tokens", "6", "--clip", "0")
EIGHT = {
    "sft": ("--epochs", "2", "--batch-size", "8", "--residual-dropout", "0"),
    "dpo": ("--epochs", "2", "--rankings-per-batch", "8", "--learning-rate", "1e-3"),
    "ppo": ("--episodes", "32", "--batch", "16", "--minibatch", "16", "--completions", "2", "--learning-rate", "1e-2",
            "--watch-every", "0", "--pretraining-examples", "1", "--gamma", "0.5"),
}  # fmt: skip
"""Two steps of eight demonstrations, rankings or prompts."""


@pytest.mark.parametrize("command", EIGHT)
def test_eight_at_once_are_eight_one_by_one(
    tmp_path: Path, uneven: Path, tiny_base: Path, tiny_reward_model: Path, command: str
) -> None:
    """S17, two steps of the loop itself."""
    more = ("--reward-model", str(tiny_reward_model)) if command == "ppo" else ()
    for name, tokens in (("once", "100000"), ("one by one", "1")):
        options = (*EIGHT[command], *SAME, *more, "--tokens-per-microbatch", tokens)
        assert train(command, uneven, tiny_base, tmp_path / name, *options) == 0
    once, parted = tmp_path / "once", tmp_path / "one by one"
    assert_close(load_file(parted / "model.safetensors"), load_file(once / "model.safetensors"), rtol=1e-5, atol=1e-6)
    for one, other in zip(events(once, "step"), events(parted, "step"), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5, abs=1e-7)
        for figure, value in one.get("figures", {}).items():
            assert other["figures"][figure] == pytest.approx(value, rel=1e-3, abs=1e-5), figure
    assert weights(once) != weights(tiny_base)


CHANGES: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (
        ("--batch-size", "4"), ("--clip", "1e-4"), ("--warmup-steps", "5"), ("--residual-dropout", "0.3"),
        ("--final-learning-rate-fraction", "0.5"), ("--weight-decay", "0.5"), ("--adam-epsilon", "1"),
        ("--freeze-embeddings",), ("--freeze-layers", "1"), ("--pretraining", "TEXT"),
    ),
    "dpo": (
        ("--rankings-per-batch", "4"), ("--beta", "0.5"), ("--label-smoothing", "0.3"), ("--clip", "1e-4"),
        ("--warmup-steps", "5"),
    ),
    "ppo": (("--minibatch", "8"), ("--reward-scale", "3"), ("--ema-decay", "0.1"), ("--ensemble", "ENSEMBLE")),
}  # fmt: skip
"""PPO's others are in `test_ppo`, on a language that is read in no time."""


@pytest.mark.parametrize("command", CHANGES)
def test_every_option_changes_what_two_steps_come_to(
    tmp_path: Path, uneven: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path,
    command: str,
) -> None:  # fmt: skip
    """S19."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("Swifts sleep in the air. " * 20)
    (tmp_path / "ensemble").mkdir()
    (tmp_path / "ensemble" / "first").symlink_to(tiny_watched_reward_model)
    places = {"TEXT": str(tmp_path / "text"), "ENSEMBLE": str(tmp_path / "ensemble")}
    more = ("--reward-model", str(tiny_reward_model)) if command == "ppo" else ()

    def of(name: str, *change: str) -> bytes:
        given = [places.get(one, one) for one in change]
        options = (*EIGHT[command], "--max-new-tokens", "6", *more, *given)
        assert train(command, uneven, tiny_base, tmp_path / name, *options) == 0
        return weights(tmp_path / name)

    plain = of("plain")
    without = [change for n, change in enumerate(CHANGES[command]) if of(f"change {n}", *change) == plain]
    assert without == []
