"""Weights spread by FSDP2, here over a single rank: what reads the model knows that they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import init_device_mesh
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from lm.layers import is_sharded
from lm.prefix_sharing.strategy import choose_strategy
from lm.training.fsdp import shard, whole, whole_copy, whole_weights
from lm.training.processes import Processes
from rm_trainer.model import load_base_model, score_hidden
from tests.lm.shared_prompts import base_model, shared_prompt
from tests.tiny_models import make_tiny_model

CPU = torch.device("cpu")


@pytest.fixture
def processes() -> Iterator[Processes]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield Processes(mesh=init_device_mesh("cpu", (1,)))
    dist.destroy_process_group()


@pytest.mark.parametrize(("architecture", "name"), [("gptj", "masked"), ("llama", "packed")])
def test_spread_weights_read_prompts_as_whole_ones_do(
    tmp_path: Path, processes: Processes, architecture: str, name: str
) -> None:
    """Scores and the prompt's gradient: a strategy that calls the backbone twice would miss FSDP's hooks."""
    model, prompts = base_model(tmp_path, architecture), [shared_prompt(5, [1, 2])]
    sharing = choose_strategy(model, CPU)
    assert sharing.name == name
    expected = score_hidden(model, sharing.last_hidden_states(model, prompts))
    expected[0].backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    shard(model, CPU, processes)
    assert is_sharded(model)
    assert choose_strategy(model, CPU) == sharing
    found = score_hidden(model, sharing.last_hidden_states(model, prompts))
    found[0].backward()  # type: ignore[no-untyped-call]
    assert_close(found, expected)
    assert_close([whole(p.grad) for p in model.parameters() if p.grad is not None], gradients)


def test_spread_weights_come_together_unchanged(tiny_base: Path, processes: Processes) -> None:
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    shard(model, CPU, processes)
    after = whole_weights(model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


@pytest.mark.training
def test_a_head_that_is_the_embeddings_stays_one_weight_in_the_model_and_in_its_copy(
    tmp_path: Path, processes: Processes
) -> None:
    """As in Gemma, whose head and backbone are called one after the other: one gradient, and one step."""
    model: Any = AutoModelForCausalLM.from_pretrained(make_tiny_model(tmp_path, architecture="gemma3"))
    model.eval()
    ids = torch.arange(20, 40)[None]

    def read(one: Any) -> torch.Tensor:
        found: torch.Tensor = one.lm_head(one.model(input_ids=ids, use_cache=False).last_hidden_state)
        return found

    read(model).square().mean().backward()  # type: ignore[no-untyped-call]
    gradients = {name: one.grad.clone() for name, one in model.named_parameters()}
    model.zero_grad()
    shard(model, CPU, processes)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    read(model).square().mean().backward()  # type: ignore[no-untyped-call]
    assert_close({name: whole(one.grad) for name, one in model.named_parameters()}, gradients)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    with torch.no_grad():
        expected = read(model)  # FSDP keeps the backbone's weights together after it
    copy = whole_copy(model, CPU)
    assert copy.lm_head.weight is copy.model.embed_tokens.weight
    assert not any(one.requires_grad for one in copy.parameters())
    assert_close(read(copy), expected)
    assert not is_sharded(copy)
