"""Which device computes, and in what precision."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from lm.device import fastest_dtype, find_device
from lm.errors import Refused
from lm.layers import is_sharded
from lm.run_facts import RuntimeFacts
from lm.training.arguments import Precision, RuntimeArguments
from lm.training.fsdp import shard
from lm.training.processes import ALONE, Processes

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Runtime:
    """The device and the precision of the matrix products; weights and scores are float32 in either.

    `keeps_casts`: whether a weight cast to `dtype` is kept until the forward pass ends. Where layers come and go, by
    FSDP or to be computed again, that would be a second copy of the model: 12 GB of six billion weights.
    """

    device: torch.device
    dtype: torch.dtype
    processes: Processes = ALONE
    keeps_casts: bool = True

    def autocast(self) -> AbstractContextManager[object]:
        """Inside it the network multiplies in `dtype`; with float32 it changes nothing."""
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.dtype is torch.bfloat16,
            cache_enabled=self.keeps_casts,
        )

    def place(self, model: PreTrainedModel) -> PreTrainedModel:
        """Moves the model to the device, or this process's part of it; one that is there already stays."""
        if self.processes.size > 1:
            if not is_sharded(model):
                shard(model, self.device, self.processes)
            return model
        return nn.Module.to(model, self.device)

    def describe(self) -> RuntimeFacts:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        return {
            "device": name,
            "processes": self.processes.size,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        }


def prepare_runtime(
    arguments: RuntimeArguments, precision: Precision, processes: Processes = ALONE, *, recomputes: bool = False
) -> Runtime:
    """Sets the number of CPU threads and picks device and precision. Raises Refused for a device that isn't there."""
    if processes.size > 1 and ":" in arguments.device:
        raise Refused(
            f"--device {arguments.device} is one device and there are {processes.size} processes; each takes its own. "
            f"Give --device {arguments.device.partition(':')[0]}."
        )
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = find_device(arguments.device)
    return Runtime(
        device=device,
        dtype=fastest_dtype(device) if precision == "auto" else DTYPES[precision],
        processes=processes,
        keeps_casts=processes.size == 1 and not recomputes,
    )
