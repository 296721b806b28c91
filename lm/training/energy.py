"""Energy that a run used, where the hardware counts it: NVIDIA's counter per GPU, RAPL's per processor on Linux.

The libraries for it (codecarbon, zeus) bring a dozen more packages each, and codecarbon estimates where nothing counts.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from lm.run_facts import Energy

POWERCAP = Path("/sys/class/powercap")


class Counter:
    """A counter that only rises, in joules, until it begins anew at `wraps_at`."""

    def __init__(self, read: Callable[[], float], wraps_at: float = float("inf")) -> None:
        self._read, self._wraps_at = read, wraps_at
        self._last, self.used = read(), 0.0

    def sample(self) -> None:
        now = self._read()
        self.used += now - self._last + (self._wraps_at if now < self._last else 0.0)
        self._last = now


class EnergyMeter:
    """Counts from its making on. RAPL's counters wrap within an hour under load, so `sample` is called more often."""

    def __init__(self, device: torch.device, powercap: Path = POWERCAP) -> None:
        self._counters, self._missing = processors(powercap)
        if device.type == "cuda":
            gpus, why = graphics(device)
            self._counters, self._missing = self._counters | gpus, self._missing + why

    def sample(self, _event: object = None) -> None:
        for counter in self._counters.values():
            counter.sample()

    def describe(self) -> Energy:
        """Returns what was used since the meter was made; what else the machine did meanwhile is inside."""
        self.sample()
        parts = {name: round(counter.used, 1) for name, counter in self._counters.items()}
        return {
            "joules": round(sum(parts.values()), 1) if parts else None,
            "parts": parts,
            "note": " ".join(self._missing) or None,
        }


def processors(powercap: Path) -> tuple[dict[str, Counter], list[str]]:
    """RAPL's packages (memory included where the package counts it), and why there are none."""
    packages = sorted(powercap.glob("*-rapl:[0-9]")) + sorted(powercap.glob("*-rapl:[0-9][0-9]"))
    try:
        counters = {
            f"{_text(one / 'name')} ({one.name})": Counter(
                lambda one=one: _microjoules(one / "energy_uj"),  # type: ignore[misc]
                _microjoules(one / "max_energy_range_uj"),
            )
            for one in packages
        }
    except (OSError, ValueError) as error:
        return {}, [f"The processor's energy can't be read ({error})."]
    return counters, [] if counters else [f"This machine has no RAPL counters in {powercap}."]


def graphics(device: torch.device) -> tuple[dict[str, Counter], list[str]]:
    """NVML's counter of the GPU, and why there is none."""
    try:
        import pynvml  # noqa: PLC0415  (only machines with a GPU have it)

        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        counter = Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)
    except Exception as error:  # noqa: BLE001  (the package is missing, or says in its own errors what is)
        return {}, [f"The GPU's energy can't be read ({type(error).__name__}: {error})."]
    return {f"{torch.cuda.get_device_name(device)} ({uuid})": counter}, []


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _microjoules(path: Path) -> float:
    return int(_text(path)) / 1e6
