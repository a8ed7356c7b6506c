"""On which device and in which number format a model runs, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from residyn.errors import ResourceError, UsageError
from residyn.machine import available_memory
from residyn.settings import DEVICES

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FLOAT16_WARNING = "float16 overflows above 65,504, which residual streams exceed; bfloat16 does not"
# Beside the weights there must be room for activations and for the largest tensor while it is converted.
_HEADROOM = 1.1


@dataclass(frozen=True)
class Wish:
    """What the user asked for, over how many GPUs the weights are spread; None for what is left to residyn."""

    dtype: torch.dtype | None
    device: torch.device | None
    gpus: int = 1


@dataclass(frozen=True)
class Need:
    """What a checkpoint needs: its weights, and the format most of them are stored in.

    `packed_bytes` is the size of weights that stay quantised in memory; None where they do not.
    """

    n_elements: int
    stored: torch.dtype | None
    packed_bytes: int | None = None

    def n_bytes(self, dtype: torch.dtype) -> int:
        bare = self.n_elements * dtype.itemsize if self.packed_bytes is None else self.packed_bytes
        return int(_HEADROOM * bare)


@dataclass(frozen=True)
class Placement:
    """Where and in which format the weights go, each with its reason, and what a reader should know of it.

    `spread` holds the bytes that each of several GPUs has free, by its number; it is empty where one device has
    all weights.
    """

    dtype: torch.dtype
    dtype_reason: str
    device: torch.device
    device_reason: str
    warnings: tuple[str, ...] = ()
    spread: Mapping[int, int] = field(default_factory=dict)


def read_wish(dtype: str | torch.dtype, device: str | torch.device, gpus: int = 1) -> Wish:
    """The user's dtype and device, or "auto". Needs no model, so that a wrong one is told at once.

    Raises UsageError for a name that is no dtype or device and for several GPUs on another device, ResourceError
    for a device that is absent.
    """
    wish = Wish(
        None if dtype == "auto" else _dtype_named(dtype),
        None if device == "auto" else _device_named(device),
        gpus,
    )
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 1:
        raise UsageError(f"A model is spread over a whole number of GPUs, at least 1; got {gpus!r}.")
    if gpus > 1 and str(device) not in ("auto", "cuda"):
        raise UsageError(f"{gpus} GPUs are devices of CUDA, and {device} was asked for. Leave one of the two out.")
    if gpus > len(visible_gpus()) and gpus > 1:
        raise ResourceError(
            f"{gpus} GPUs were asked for, and {len(visible_gpus())} are present. Ask for fewer, or let this "
            "process use more (CUDA_VISIBLE_DEVICES)."
        )
    return wish


def place(wish: Wish, need: Need) -> Placement:
    """Choose device and number format for a checkpoint.

    Left free, the device is a CUDA device with enough free memory, else the CPU; the format is float32 on the
    CPU and the checkpoint's own on CUDA, with bfloat16 in place of float16 (whose largest value, 65,504,
    residual streams exceed) and wherever float32 does not fit. Raises ResourceError where the weights do not
    fit.
    """
    if wish.gpus > 1:
        return _place_over(wish, need)
    if wish.device is not None:
        return _place_on(wish.device, "it was asked for", wish.dtype, need)
    reason = "no CUDA device is present"
    if torch.cuda.is_available():
        free = {index: torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())}
        best = torch.device("cuda", max(free, key=lambda index: free[index]))
        try:
            return _place_on(best, "a CUDA device with room is present", wish.dtype, need)
        except ResourceError:
            reason = f"{best} has {_gigabytes(free[best.index])} free, too little for the weights"
    return _place_on(torch.device("cpu"), reason, wish.dtype, need)


def visible_gpus() -> list[str]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them; empty without any."""
    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if named else [str(number) for number in range(count)]


def _place_on(device: torch.device, device_reason: str, chosen: torch.dtype | None, need: Need) -> Placement:
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
    dtype, reason = (chosen, "it was asked for") if chosen is not None else _choose_dtype(device, free, need)
    if need.n_bytes(dtype) > free:
        name = str(dtype).removeprefix("torch.")
        raise ResourceError(
            f"The model's {need.n_elements:,} weights need {_gigabytes(need.n_bytes(dtype))} in {name}, and "
            f"{_gigabytes(free)} are free on {device}. Close other programs, take a smaller model, or another "
            "--device or --dtype."
        )
    return Placement(dtype, reason, device, device_reason, _warnings(dtype, device))


def _place_over(wish: Wish, need: Need) -> Placement:
    """Spread the weights over the first GPUs, layer by layer, in the order of the layers."""
    spread = {number: torch.cuda.mem_get_info(number)[0] for number in range(wish.gpus)}
    first, free = torch.device("cuda", 0), sum(spread.values())
    dtype, reason = (wish.dtype, "it was asked for") if wish.dtype else _choose_dtype(first, free, need)
    if need.n_bytes(dtype) > free:
        raise ResourceError(
            f"The model's {need.n_elements:,} weights need {_gigabytes(need.n_bytes(dtype))} in "
            f"{str(dtype).removeprefix('torch.')}, and {_gigabytes(free)} are free on {wish.gpus} GPUs. Take more "
            "of them, or another --dtype."
        )
    said = f"the first of {wish.gpus} GPUs that the layers are spread over, as was asked for"
    return Placement(dtype, reason, first, said, _warnings(dtype, first), spread)


def _choose_dtype(device: torch.device, free: int, need: Need) -> tuple[torch.dtype, str]:
    if device.type == "cuda" and need.stored is torch.bfloat16:
        return torch.bfloat16, "it is the checkpoint's own format"
    if device.type == "cuda" and need.stored is torch.float16:
        return (
            torch.bfloat16,
            "the checkpoint is float16, whose largest value (65,504) residual streams exceed",
        )
    if need.n_bytes(torch.float32) > free >= need.n_bytes(torch.bfloat16):
        wanted = _gigabytes(need.n_bytes(torch.float32))
        return torch.bfloat16, f"float32 needs {wanted}, and {_gigabytes(free)} are free on {device}"
    return torch.float32, f"it is exact for every stored format, and the default on {device.type}"


def _warnings(dtype: torch.dtype, device: torch.device) -> tuple[str, ...]:
    found = [FLOAT16_WARNING] if dtype is torch.float16 else []
    if dtype is torch.float32 and device.type == "cuda" and torch.get_float32_matmul_precision() != "highest":
        found.append(
            "TF32 or less is switched on in this process: float32 products keep 10 bits of mantissa or fewer"
        )
    return tuple(found)


def _dtype_named(dtype: str | torch.dtype) -> torch.dtype:
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise UsageError(f"dtype is one of auto, {', '.join(DTYPES)}; got {name!r}.")
    return DTYPES[name]


def _device_named(device: str | torch.device) -> torch.device:
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    if wanted is None or wanted.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"device is one of {DEVICES}; got {str(device)!r}.")
    if wanted.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= count:
            there = f"{count} CUDA device(s) are present" if count else "no CUDA device is present"
            raise ResourceError(
                f"{wanted} was asked for, and {there} (torch {torch.__version__}). "
                "Use --device cpu, or install the driver and a torch built for CUDA."
            )
        return torch.device("cuda", wanted.index or 0)
    if wanted.type == "mps" and not torch.backends.mps.is_available():
        raise ResourceError("mps was asked for, and no Apple GPU is present. Use --device cpu.")
    return wanted


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
