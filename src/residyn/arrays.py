"""What people have in hand, as an array of float32 or float64: the one gate through which numbers come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from residyn.errors import DataError

_SHORT_FLOATS = ("bfloat16", "float8_", "float6_", "float4_")
"""How the names of formats begin that numpy itself lacks; float32 holds every value of theirs."""


def float_of(dtype: Any) -> np.dtype[Any]:
    """The type in which numbers of `dtype` are computed: float32 where that holds each exactly, or float64.

    Shorter floats overflow in sums of squares, and the smallest number of a short integer has no opposite. Raises
    DataError for what are no real numbers.
    """
    known = np.dtype(dtype)
    if known.name.startswith(_SHORT_FLOATS):
        return np.dtype(np.float32)
    if known.kind not in "fiu":
        raise DataError(
            f"States are real numbers, such as float32; these have dtype {known}. "
            "Convert them first, for example with .astype('float32')."
        )
    return np.dtype(np.float32 if known.itemsize <= (4 if known.kind == "f" else 2) else np.float64)


def as_real(array: Any) -> Any:
    """An array of float32 or float64, numpy or dask, whose axes have known lengths.

    Raises DataError, saying what to do, for a list of arrays, what is no array, and what are no real numbers.
    """
    data = on_host(array)
    if isinstance(data, list | tuple):
        raise DataError(
            f"States are one array (sample, sublayer, unit); got a {type(array).__name__} of {len(data)}. "
            f"{_stacking(data)}"
        )
    if not hasattr(data, "ndim") or not hasattr(data, "shape") or not hasattr(data, "dtype"):
        raise DataError(
            f"States are one array (sample, sublayer, unit); got {type(array).__name__}. "
            "Give a numpy, dask or torch array."
        )
    if any(not size >= 0 for size in data.shape):
        raise DataError(
            f"States have a known number of samples; got a dask array of shape {data.shape}, as a selection by "
            "condition leaves it. Call array.compute_chunk_sizes() first."
        )
    kind = float_of(data.dtype)
    if not hasattr(data, "dask"):
        data = _in_memory(data)
    return data if data.dtype == kind else data.astype(kind)


def on_host(array: Any) -> Any:
    """A torch tensor as a numpy array in memory, in float32 where it is a shorter float; others as they are.

    Raises DataError for a tensor that has no values, or whose values no array can hold.
    """
    if type(array).__name__ == "DataArray":
        return array.data
    if not hasattr(array, "detach"):
        return array
    tensor = array.detach()
    try:
        if str(tensor.layout) != "torch.strided":
            tensor = tensor.to_dense()
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()
        return tensor.numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise DataError(
            f"States are an array of numbers in memory; got a tensor of {tensor.dtype} on {tensor.device} that "
            f"gives none: {str(error).splitlines()[0]} Give tensor.float().cpu() of a tensor that has values."
        ) from error


def length(value: Any) -> int | None:
    """How many entries a list or an array has; None for a number, a string, a mapping and the like."""
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__getitem__"):
        return None
    try:
        return len(value)
    except TypeError:
        return None


def _in_memory(data: Any) -> np.ndarray:
    masked = int(np.ma.count_masked(data)) if isinstance(data, np.ma.MaskedArray) else 0
    if masked:
        raise DataError(
            f"Every state has a value; {masked} of the {data.size} entries of this array are masked. "
            "Leave out the samples that they are of."
        )
    why: Exception | None = None
    try:
        made = np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:  # arrays on devices refuse to be copied unasked
        made, why = np.empty(0), error
    if why is None and made.shape == data.shape:
        return made
    reason = str(why).splitlines()[0] if why else f"numpy makes one of shape {made.shape} of it."
    raise DataError(
        f"States are an array in memory; got {type(data).__name__}, which does not become one: {reason} Copy it "
        "first, for example with numpy.asarray or its own .get()."
    ) from why


def _stacking(parts: Any) -> str:
    if all(getattr(part, "ndim", 0) == 3 for part in parts):
        return (
            "Hidden states (text, token, unit), as transformers gives them, are taken in by "
            "rd.from_hidden_states; of others take one token of each text: "
            "torch.stack([h[:, -1] for h in states], dim=1)."
        )
    return "Stack the states of the sublayers first, np.stack(states, axis=1) or torch.stack(list(states), dim=1)."
