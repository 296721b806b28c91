"""Energy from counters that are there, wrap, or can't be read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lm.training.energy import EnergyMeter

CPU = torch.device("cpu")


def package(powercap: Path, number: int, microjoules: int) -> Path:
    directory = powercap / f"intel-rapl:{number}"
    directory.mkdir(parents=True)
    (directory / "name").write_text(f"package-{number}\n")
    (directory / "max_energy_range_uj").write_text("1000000000\n")
    (directory / "energy_uj").write_text(f"{microjoules}\n")
    return directory / "energy_uj"


def test_processors_are_added_up_and_parts_of_them_are_not(tmp_path: Path) -> None:
    first, second = package(tmp_path, 0, 5_000_000), package(tmp_path, 1, 0)
    (tmp_path / "intel-rapl:0:0").mkdir()  # the cores, inside the package
    meter = EnergyMeter(CPU, tmp_path)
    first.write_text("7000000\n")
    second.write_text("500000\n")
    used = meter.describe()
    assert used["joules"] == 2.5
    assert used["parts"] == {"package-0 (intel-rapl:0)": 2.0, "package-1 (intel-rapl:1)": 0.5}
    assert used["note"] is None


def test_a_counter_that_begins_anew_loses_nothing(tmp_path: Path) -> None:
    counter = package(tmp_path, 0, 999_000_000)
    meter = EnergyMeter(CPU, tmp_path)
    counter.write_text("1000000\n")
    meter.sample()
    counter.write_text("3000000\n")
    assert meter.describe()["joules"] == 4.0


def test_without_counters_it_says_so(tmp_path: Path) -> None:
    used = EnergyMeter(CPU, tmp_path).describe()
    assert used["joules"] is None
    assert "no RAPL counters" in str(used["note"])


def test_a_counter_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    package(tmp_path, 0, 0).unlink()
    used = EnergyMeter(CPU, tmp_path).describe()
    assert used["joules"] is None
    assert "energy_uj" in str(used["note"])


def test_a_gpus_counter_is_asked_by_the_cards_own_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES renumbers cards, so the index says nothing."""
    millijoules = iter((1_000, 6_000))
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: {"GPU-abc": 7}[uuid],
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: {7: next(millijoules)}[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="abc"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    used = EnergyMeter(torch.device("cuda"), tmp_path).describe()
    assert used["parts"] == {"H100 (GPU-abc)": 5.0}
    assert "no RAPL counters" in str(used["note"])


def test_a_gpu_without_nvml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    used = EnergyMeter(torch.device("cuda"), tmp_path).describe()
    assert used["joules"] is None
    assert "The GPU's energy can't be read" in str(used["note"])
