"""What is written is an ordinary checkpoint for whatever else reads one."""

import json
import subprocess
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from lm.prefix_sharing.strategy import choose_strategy
from lm.prompt_format import Message
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.model import load_policy
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


def test_plain_transformers_reads_and_writes_as_ours_does(trained: Path, tiny_base: Path) -> None:
    """Chat template and tokenizer give the ids that it was trained on, the model the log-probabilities that it was
    trained to, and `generate` ends where the base's does."""
    messages = [Message(role="user", content="Where? 哪里？ مرحبا"), Message(role="assistant", content="Here.")]
    tokenizer: Any = AutoTokenizer.from_pretrained(trained)
    model: Any = AutoModelForCausalLM.from_pretrained(trained)
    ours = load_policy(str(trained), max_length=512)
    found = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True)["input_ids"]
    assert found == ours.renderer.conversations.prompt_ids(messages[:1])
    assert messages[0]["content"] in tokenizer.decode(found)
    tokens = ours.renderer.render(messages[:1], [messages[1]["content"]])
    whole = tokens.ids.long()
    with torch.no_grad():
        expected = model(whole[None]).logits[0, tokens.prefix - 1 : -1].log_softmax(-1)
        said = completion_log_probs(ours.model, choose_strategy(ours.model, torch.device("cpu")), [tokens])
    torch.testing.assert_close(said, expected.gather(1, whole[tokens.prefix :, None])[:, 0], atol=1e-5, rtol=1e-5)
    ends_of_base: Any = GenerationConfig.from_pretrained(tiny_base)
    assert model.generation_config.to_diff_dict() == ends_of_base.to_diff_dict()
    written = model.generate(torch.tensor([found]), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > len(found)


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
