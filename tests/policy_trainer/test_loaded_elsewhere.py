"""What is written is an ordinary checkpoint for whatever else reads one."""

import json
import subprocess
from math import log
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.policy_trainer.commands import train
from tests.processes import ROOT

pytestmark = [pytest.mark.training, pytest.mark.processes]

PEERS = ROOT / ".venv-bench"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, snapshot: Path, tiny_base: Path) -> Path:
    """With adapters, of which nothing is left."""
    output = tmp_path_factory.mktemp("trained") / "sft"
    assert train("sft", snapshot, tiny_base, output, "--epochs", "1", "--lora-rank", "2") == 0
    return output


def test_servers_find_the_tensors_of_the_architecture_that_the_configuration_names(
    trained: Path, tiny_base: Path
) -> None:
    """vLLM takes the class by `architectures` and its tensors by name and shape from the safetensors files; tokenizer,
    chat template and the tokens that end a turn lie beside them.
    """
    assert _tensors(trained) == _tensors(tiny_base)
    config = json.loads((trained / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} <= {one.name for one in trained.iterdir()}
    ends = json.loads((trained / "generation_config.json").read_text())["eos_token_id"]
    assert set(ends) == {258, 260}  # <eos> and <|im_end|>


@pytest.mark.skipif(not list(PEERS.glob("lib/*/site-packages/trl")), reason="TRL is in .venv-bench, which isn't there")
def test_trl_trains_on_from_it(trained: Path) -> None:
    """SFT begins at the loss of a model that saw four answers once, DPO at log 2: it is its own reference."""
    done = subprocess.run(
        [PEERS / "bin" / "python", "-m", "tests.policy_trainer.continued_by_trl", trained],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout.splitlines()[-1])
    assert 1 < losses["sft"] < log(261) + 0.5
    assert losses["dpo"] == pytest.approx(log(2), abs=1e-3)


def _tensors(directory: Path) -> dict[str, list[int]]:
    with safe_open(directory / "model.safetensors", "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  it is no dictionary
