"""Which card a run used, whatever CUDA_VISIBLE_DEVICES says, by made-up answers of the driver."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from makers import MACHINE, make_record

from benchbench.compare.cells import machine_name
from benchbench.compare.places import by_place
from benchbench.errors import Unavailable
from benchbench.machines import Card, GpuState
from benchbench.measure import gpu
from benchbench.measure.gpu import used_card, visible_cards
from benchbench.measure.noise import noise_marks
from benchbench.plugins.devices import resolve_device

UUIDS = ["GPU-aa11", "GPU-aa22", "GPU-bb33"]
WHOLE: list[dict[str, str]] = [{}, {}, {}]
CUT = [{}, {"MIG-x1": "1g.10gb", "MIG-x2": "3g.40gb"}, {}]


@pytest.mark.parametrize(
    ("variable", "slices", "seen"),
    [
        (None, WHOLE, [(0, None), (1, None), (2, None)]),
        ("2,0", WHOLE, [(2, None), (0, None)]),
        (" 1 ", WHOLE, [(1, None)]),
        ("GPU-bb", WHOLE, [(2, None)]),
        ("GPU-bb33,GPU-aa11", WHOLE, [(2, None), (0, None)]),
        ("GPU-aa", WHOLE, []),  # two of them
        ("1,7,0", WHOLE, [(1, None)]),
        ("-1,0", WHOLE, []),
        ("", WHOLE, []),
        ("MIG-x2", CUT, [(1, "3g.40gb")]),
        ("MIG-x2,MIG-x1", CUT, [(1, "3g.40gb")]),
        ("MIG-GPU-aa22/1/0", WHOLE, [(1, "a slice")]),
        ("MIG-none", CUT, []),
        ("1", CUT, [(1, "1g.10gb")]),
        (None, CUT, [(1, "1g.10gb")]),
    ],
)
def test_what_a_process_sees(variable, slices, seen):
    assert visible_cards(variable, UUIDS, slices=slices, by_bus=True) == seen


def test_without_an_order_by_bus_a_number_says_nothing_of_several_cards():
    assert visible_cards("1", UUIDS, slices=WHOLE, by_bus=False) == [None]
    assert visible_cards(None, UUIDS[:1], slices=WHOLE[:1], by_bus=False) == [(0, None)]
    assert visible_cards("GPU-bb", UUIDS, slices=WHOLE, by_bus=False) == [(2, None)]


@pytest.fixture
def driver(monkeypatch):
    """Stand in for NVML with three cards, the second cut in slices."""

    class NVMLError(Exception):
        pass

    slices = list(CUT[1])

    def slice_of(_card, number):
        if number < len(slices):
            return slices[number]
        raise NVMLError

    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda index: UUIDS[index],
        nvmlDeviceGetUUID=lambda handle: handle,
        nvmlDeviceGetName=lambda handle: (
            f"Card MIG {CUT[1][handle]}" if handle in slices else f"Card of {handle}"
        ),
        nvmlDeviceGetMigMode=lambda handle: (int(handle == "GPU-aa22"), 0),
        nvmlDeviceGetMaxMigDeviceCount=lambda _: 7,
        nvmlDeviceGetMigDeviceHandleByIndex=slice_of,
    )
    monkeypatch.setattr(gpu, "_library", lambda: library)


@pytest.mark.usefixtures("driver")
def test_the_card_behind_a_device():
    bus = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert used_card("cuda:1", bus | {"CUDA_VISIBLE_DEVICES": "0,2"}) == Card(2, "Card of GPU-bb33")
    assert used_card("cuda", bus | {"CUDA_VISIBLE_DEVICES": "2"}) == Card(2, "Card of GPU-bb33")
    sliced = used_card("cuda:0", {"CUDA_VISIBLE_DEVICES": "MIG-x2"})
    assert sliced == Card(1, "Card of GPU-aa22", "3g.40gb")
    assert str(sliced) == "Card of GPU-aa22, only 3g.40gb of it"
    for device in ("cpu", None, "tpu:0", "cuda:9", "cuda:x"):
        assert used_card(device, bus) is None
    assert used_card("cuda:0", {}) is None or used_card("cuda:0", {}).slice


def test_only_the_card_that_was_used_marks_an_epoch():
    states = (GpuState(0, throttling=("SwPowerCap",)), GpuState(1, throttling=()))
    record = make_record(device="cuda:0")
    epochs = tuple(msgspec.structs.replace(epoch, gpus=states) for epoch in record.epochs[:1])

    def marks(**changes):
        changed = msgspec.structs.replace(record, epochs=epochs, **changes)
        return [mark.reason for mark in noise_marks(changed, None)]

    throttled = ["card 0 was throttled (SwPowerCap)"]
    assert marks(card=Card(0, "a")) == marks() == throttled
    assert marks(card=Card(1, "b")) == marks(device="cpu") == []


def test_a_slice_is_not_the_whole_card_and_a_run_that_failed_early_stands_with_its_like():
    machine = msgspec.structs.replace(MACHINE, accelerators=("H100", "H100"))
    whole = make_record(device="cuda:0", machine=machine, card=Card(0, "H100"), run_id="a")
    part = msgspec.structs.replace(whole, card=Card(0, "H100", "1g.10gb"), run_id="b")
    assert machine_name(whole) == "Some CPU, 2 cores, H100"
    assert machine_name(part) == "Some CPU, 2 cores, H100, only 1g.10gb of it"
    failed = msgspec.structs.replace(
        whole, run_id="c", status="crashed", device=None, card=None, block=1
    )
    assert len(by_place([whole, failed])) == 1
    assert len(by_place([whole, part])) == 2


@pytest.mark.parametrize(
    ("wanted", "devices", "found"),
    [
        ("auto", ("cpu", "cuda:0"), "cuda:0"),
        ("auto", ("cpu", "rocm:0"), "rocm:0"),
        ("auto", ("cpu", "gpu:0", "gpu:1"), "gpu:0"),
        ("auto", ("cpu", "TPU:0"), "TPU:0"),
        ("auto", ("cpu", "mps"), "cpu"),
        ("auto", ("cpu",), "cpu"),
        ("tpu", ("cpu", "tpu:0"), "tpu:0"),
        ("gpu", ("cpu", "cuda:0"), "cuda:0"),
        ("cuda", ("cpu", "cuda:0", "cuda:1"), "cuda:0"),
        ("mps", ("cpu", "mps"), "mps"),
    ],
)
def test_a_device_is_found_by_its_kind(wanted, devices, found):
    assert resolve_device(wanted, devices, "x") == found


def test_a_kind_that_is_not_there_is_refused():
    with pytest.raises(Unavailable, match="has no device 'cuda' here; it has cpu, tpu:0"):
        resolve_device("cuda", ("cpu", "tpu:0"), "x")
