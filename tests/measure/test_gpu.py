"""Cards are named and read through NVML; none without it, and null for what a card does not say."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from benchbench.machines import GpuState
from benchbench.measure import gpu


class NVMLError(Exception):
    pass


@pytest.fixture(autouse=True)
def fresh():
    """Forget the library that was opened, before and after."""
    gpu._library.cache_clear()
    yield
    gpu._library.cache_clear()


def refuse(*_arguments):
    raise NVMLError("not supported")


@pytest.fixture
def pynvml(monkeypatch):
    """Install a stand-in for nvidia-ml-py with two cards, the second of which says nothing."""
    module = ModuleType("pynvml")
    module.NVMLError = NVMLError
    module.NVML_CLOCK_SM, module.NVML_TEMPERATURE_GPU = 1, 0
    bits = {"GpuIdle": 0x1, "SwPowerCap": 0x4, "HwSlowdown": 0x8, "SwThermalSlowdown": 0x20}
    bits |= {"HwThermalSlowdown": 0x40, "HwPowerBrakeSlowdown": 0x80}
    for name, bit in bits.items():
        setattr(module, f"nvmlClocksThrottleReason{name}", bit)

    def first_only(answer):
        return lambda card, *_which: answer if card == "card 0" else refuse()

    module.nvmlInit = lambda: None
    module.nvmlDeviceGetCount = lambda: 2
    module.nvmlDeviceGetHandleByIndex = lambda index: f"card {index}"
    module.nvmlDeviceGetName = first_only("Some Card")
    module.nvmlDeviceGetCurrentClocksThrottleReasons = first_only(0x1 | 0x4 | 0x40)
    module.nvmlDeviceGetUtilizationRates = first_only(SimpleNamespace(gpu=37, memory=5))
    module.nvmlDeviceGetClockInfo = first_only(1410)
    module.nvmlDeviceGetTemperature = first_only(83)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


@pytest.mark.usefixtures("pynvml")
def test_each_card_says_what_it_knows():
    assert gpu.accelerators() == ("Some Card", "an NVIDIA card without a name")
    said, silent = gpu.gpu_states()
    assert said == GpuState(
        index=0,
        clock_mhz=1410,
        temperature_celsius=83,
        utilisation_fraction=0.37,
        throttling=("SwPowerCap", "HwThermalSlowdown"),
    )
    assert silent == GpuState(index=1)


def test_an_idle_card_is_not_throttled(pynvml):
    pynvml.nvmlDeviceGetCurrentClocksThrottleReasons = lambda card: 0x1
    assert {state.throttling for state in gpu.gpu_states()} == {()}


@pytest.mark.parametrize("name", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_without_a_driver_there_are_no_cards(pynvml, name):
    setattr(pynvml, name, refuse)
    assert gpu.accelerators() == gpu.gpu_states() == ()


def test_without_the_library_there_are_no_cards(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu.accelerators() == gpu.gpu_states() == ()


def test_the_cards_of_this_machine():
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    if not gpu.accelerators():
        pytest.skip("there is no NVIDIA card, or no driver")
    for state in gpu.gpu_states():
        assert state.clock_mhz > 0
        assert 0 <= state.utilisation_fraction <= 1
