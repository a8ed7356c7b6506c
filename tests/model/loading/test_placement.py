"""Device and number format: every rule, on imagined machines."""

from __future__ import annotations

import pytest
import torch

from residyn.errors import ResourceError
from residyn.model.loading import placement
from residyn.model.loading.placement import Need, Wish, place, read_wish

BILLION = Need(10**9, torch.bfloat16)  # 4.4 GB in float32, 2.2 GB in bfloat16, headroom included


@pytest.fixture
def machine(monkeypatch):
    """machine(memory, *gpus): free gigabytes of main memory and of each CUDA device."""

    def build(memory: float, *gpus: float) -> None:
        monkeypatch.setattr(placement, "available_memory", lambda: int(memory * 1e9))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(gpus))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(gpus))

        def free(device):
            index = device if isinstance(device, int) else device.index
            return int(gpus[index] * 1e9), int(80e9)

        monkeypatch.setattr(torch.cuda, "mem_get_info", free)

    return build


def chosen(dtype="auto", device="auto", need=BILLION) -> tuple[str, str]:
    found = place(read_wish(dtype, device), need)
    assert found.dtype_reason
    assert found.device_reason
    return str(found.dtype).removeprefix("torch."), str(found.device)


def test_the_cpu_runs_float32_whatever_is_stored(machine):
    machine(5)
    for stored in (torch.float32, torch.bfloat16, torch.float16, None):
        assert chosen(need=Need(10**9, stored)) == ("float32", "cpu")


def test_bfloat16_where_float32_does_not_fit_and_nothing_where_neither_does(machine):
    machine(4.3)
    assert chosen() == ("bfloat16", "cpu")
    assert place(Wish(None, None), BILLION).dtype_reason == "float32 needs 4.4 GB, and 4.3 GB are free on cpu"
    with pytest.raises(ResourceError, match=r"need 4\.4 GB in float32, and 4\.3 GB are free"):
        chosen(dtype="float32")
    machine(2.1)
    with pytest.raises(ResourceError) as caught:
        chosen()
    assert caught.value.exit_code == 6


def test_cuda_runs_the_checkpoint_s_own_format_but_never_float16_unasked(machine):
    machine(64, 40, 70)
    assert chosen(need=Need(10**9, torch.bfloat16)) == ("bfloat16", "cuda:1")
    assert chosen(need=Need(10**9, torch.float16)) == ("bfloat16", "cuda:1")
    assert chosen(need=Need(10**9, torch.float32)) == ("float32", "cuda:1")
    assert chosen(need=Need(10**10, torch.float32), device="cuda") == ("bfloat16", "cuda:0")
    asked = place(read_wish("float16", "cuda"), BILLION)
    assert (asked.dtype, len(asked.warnings)) == (torch.float16, 1)


def test_a_full_gpu_is_passed_over_with_its_reason_and_refused_where_it_was_asked_for(machine):
    machine(64, 1)
    found = place(Wish(None, None), BILLION)
    assert (str(found.device), found.device_reason) == (
        "cpu", "cuda:0 has 1.0 GB free, too little for the weights",
    )  # fmt: skip
    with pytest.raises(ResourceError, match="free on cuda:0"):
        chosen(device="cuda:0")


def test_absent_devices_are_resource_errors(machine):
    machine(64)
    with pytest.raises(ResourceError, match="no CUDA device is present"):
        chosen(device="cuda")
    machine(64, 40)
    with pytest.raises(ResourceError, match=r"1 CUDA device\(s\) are present"):
        chosen(device="cuda:1")


def test_packed_weights_need_their_own_size(machine):
    machine(1)
    assert chosen(need=Need(10**9, None, packed_bytes=500_000_000)) == ("float32", "cpu")


def test_tf32_that_the_user_switched_on_is_recorded(machine, monkeypatch):
    machine(64, 40)
    assert place(read_wish("float32", "cuda"), BILLION).warnings == ()
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    (warning,) = place(read_wish("float32", "cuda"), BILLION).warnings
    assert "TF32" in warning
