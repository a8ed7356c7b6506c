"""The kind of machine that a model runs on: what the last bits of its states depend on beside its settings."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import torch
import transformers

from residyn.model.loading import LoadedModel
from residyn.store import Kind


def kind_of(model: LoadedModel) -> Kind:
    """The kind of machine: device, versions, number format, attention, precision of products, number of devices.

    The device is a GPU's name, or the CPU's maker, architecture and the instructions that torch uses. No host is
    named.
    """
    kind = {
        "device": _device_name(model.device),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": model.attention,
    }
    if model.device.type == "cuda":
        kind["float32 products"] = torch.get_float32_matmul_precision()
    devices = {str(weights.device) for weights in model.module.parameters()}
    if len(devices) > 1:
        kind["devices"] = f"{len(devices)}, with {'offloading' if 'meta' in devices else 'all weights on them'}"
    return kind


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return f"{device.type} {platform.machine()}"
    maker = _maker_of_cpu()
    return " ".join(
        part for part in ("CPU", maker, platform.machine(), torch.backends.cpu.get_cpu_capability()) if part
    )


@cache
def _maker_of_cpu() -> str:
    """The CPU's maker as Linux tells it, for which libraries of products choose their code; else empty."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    return next((value.strip() for name, value in named.items() if name.strip() == "vendor_id"), "")
