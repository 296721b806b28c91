"""Which device computes, and in what precision."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from rm_trainer.arguments import Precision, RuntimeArguments
from rm_trainer.distributed.fsdp import shard
from rm_trainer.distributed.ranks import ALONE, Ranks
from rm_trainer.errors import Refused


@dataclass(frozen=True)
class Runtime:
    """The device and the precision of the matrix products; weights and scores are float32 in either.

    `keeps_casts`: whether a weight cast to `dtype` is kept until the forward pass ends. Where layers come and go, by
    FSDP or to be computed again, that would be a second copy of the model: 12 GB of six billion weights.
    """

    device: torch.device
    dtype: torch.dtype
    ranks: Ranks = ALONE
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
        """Moves the model to the device, or this rank's part of it."""
        if self.ranks.size > 1:
            shard(model, self.device, self.ranks)
            return model
        return nn.Module.to(model, self.device)

    def describe(self) -> dict[str, str | int]:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        return {
            "device": name,
            "processes": self.ranks.size,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        }


def prepare_runtime(
    arguments: RuntimeArguments, precision: Precision, ranks: Ranks = ALONE, *, recomputes: bool = False
) -> Runtime:
    """Sets the number of CPU threads and picks device and precision. Raises Refused for a device that isn't there."""
    if ranks.size > 1 and ":" in arguments.device:
        raise Refused(
            f"--device {arguments.device} is one device and there are {ranks.size} processes; each takes its own. "
            f"Give --device {arguments.device.partition(':')[0]}."
        )
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = _device(arguments.device)
    computes_bfloat16 = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    return Runtime(
        device=device,
        dtype=torch.bfloat16 if computes_bfloat16 else torch.float32,
        ranks=ranks,
        keeps_casts=ranks.size == 1 and not recomputes,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise Refused(f"--device {name} can't be used here: {str(error).splitlines()[0]}") from error
    return device


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; emulated, it would be slower than float32 and less exact."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
