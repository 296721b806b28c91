"""Weights spread by FSDP2, here over a single rank: what reads the model knows that they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from rm_trainer.sharing import cache
from rm_trainer.sharing.choice import choose
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import init_device_mesh

from lm.layers import is_sharded
from lm.training.fsdp import shard, whole_weights
from lm.training.processes import Processes
from rm_trainer.model import load_base_model
from tests.rm_trainer.trees import base_model, rendered

CPU = torch.device("cpu")


@pytest.fixture
def processes() -> Iterator[Processes]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield Processes(mesh=init_device_mesh("cpu", (1,)))
    dist.destroy_process_group()


def test_the_way_over_the_cache_is_not_taken_where_weights_come_and_go(tmp_path: Path, processes: Processes) -> None:
    """The prompt's gradient reaches the last layer past FSDP's hook, after its weights were given up."""
    model = base_model(tmp_path, "gptj")  # which has no way but these two
    assert choose(model, CPU, checkpointing=False).way == "cache"
    shard(model, CPU, processes)
    assert is_sharded(model)
    assert choose(model, CPU, checkpointing=False).way == "tree"
    with pytest.raises(RuntimeError, match="does not go with FSDP"):
        cache.scores(model, [rendered(3, [1, 2])], CPU)


def test_spread_weights_come_together_unchanged(tiny_base: Path, processes: Processes) -> None:
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    shard(model, CPU, processes)
    after = whole_weights(model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
