"""The one walk over states: block by block along one dimension, in bounded memory, in an order that never changes.

Along samples for what is summed over samples; along sublayers or units for what needs every sample at once, such
as the eigenvalues of a sublayer's covariance or the mutual information of a unit.

Threads each load and reduce one block at a time, one a core, from two to eight, as far as memory allows; reading
one block overlaps with computing on others. Under `running_on` an executor does it. Results are combined in the
order of the dimension and the blocks depend on the array alone: the same states give the same bits in every run.

A store decodes chunks of eight sublayers of up to 512 units whole. Along sublayers and units, what is loaded at a
time are whole chunks, so that each is decoded once; the bands that are reduced are cut from it in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr

from residyn.arrays import float_of
from residyn.errors import DataError
from residyn.executors import in_order
from residyn.progress import Progress
from residyn.schema import SAMPLE, SUBLAYER, UNIT, check_states
from residyn.store import layout

T = TypeVar("T")

_BLOCK_BYTES = 64 << 20
"""Size of the blocks cut here, from an array in memory or from chunks that make no good blocks."""
_CHUNK_BYTES = 256 << 20
"""Largest dask chunk read as one block: a shard of the store is decoded whole, so it is read once."""
_BLOCK_ROWS = 4096
"""Most samples in a block cut here: long sums of few units would lose digits."""
_LOADED_BYTES = 512 << 20
"""Most of the bands loaded at a time; where the chunks of a store are larger, they are decoded more than once."""
_BAND_MULTIPLE = {SUBLAYER: 8, UNIT: 64}
"""Bands have multiples of these, which are easily cut from the chunks of a store, where that many fit a block."""

_COPIES = 3
"""Of what is loaded at a time, the copies that one thread may hold: itself, and one in float64."""

_LARGEST = float(np.finfo(np.float32).max)
"""Largest magnitude states may have; its square, summed over any number of units, is finite in float64."""


class Reading(NamedTuple):
    """What is made in one walk: `reduce(block, first)` of each block, `finish(parts)` of all in their order."""

    reduce: Callable[[np.ndarray, int], Any]
    finish: Callable[[list[Any]], Any]


def read_together(
    states: xr.DataArray, readings: Sequence[Reading], progress: Progress | None = None, *, along: str = SAMPLE
) -> list[Any]:
    """What each of the readings makes, all in one walk over the states. Raises as `each_block` does."""
    blocks = list(
        each_numbered_block(
            states, lambda block, first: [one.reduce(block, first) for one in readings], progress, along=along
        )
    )
    return [one.finish([block[i] for block in blocks]) for i, one in enumerate(readings)]


def each_block(
    states: xr.DataArray,
    reduce: Callable[[np.ndarray], T],
    progress: Progress | None = None,
    *,
    along: str = SAMPLE,
) -> Iterator[T]:
    """Yield `reduce(block)` for each block of the states along a dimension, in its order.

    Along "sample" a block is (n, S, D); along "sublayer" it holds every sample and unit of a few sublayers,
    (N, s, D); along "unit" every sample and sublayer of some units, (N, S, d). Raises DataError where the
    states break the data contract, are empty, are not real numbers, or hold a value that is not finite or
    beyond float32's range (named by its sample and first sublayer).
    """
    return each_numbered_block(states, lambda block, _: reduce(block), progress, along=along)


def each_numbered_block(
    states: xr.DataArray,
    reduce: Callable[[np.ndarray, int], T],
    progress: Progress | None = None,
    *,
    along: str = SAMPLE,
) -> Iterator[T]:
    """`each_block`, where `reduce(block, first)` is also told the position at which the block begins."""
    check_states(states)
    _check_content(states)
    total = states.sizes[along]
    pieces = _pieces(states, along)
    parts = ((states.isel({along: slice(bounds[0], bounds[-1])}), bounds) for bounds in pieces)
    entry = states.nbytes // total
    memory = _COPIES * entry * max(bounds[-1] - bounds[0] for bounds in pieces)
    work = partial(_load_and_reduce, reduce, along, states.sizes[SAMPLE])
    for bounds, results in zip(pieces, in_order(work, parts, memory=memory), strict=True):
        for done, result in zip(bounds[1:], results, strict=True):
            yield result
            if progress is not None:
                progress(done, total)


def _load_and_reduce(
    reduce: Callable[[np.ndarray, int], T], along: str, n_samples: int, part: xr.DataArray, bounds: list[int]
) -> list[T]:
    """What `reduce` makes of each block of a part of the states, which lies at `bounds` of the whole."""
    values = _load(part)
    _check_values(values, part, n_samples, bounds[0] if along == SAMPLE else 0)
    axis = part.get_axis_num(along)
    found = []
    for start, stop in itertools.pairwise(bounds):
        here: list[slice] = [slice(None)] * 3
        here[axis] = slice(start - bounds[0], stop - bounds[0])
        found.append(reduce(values[tuple(here)], start))
    return found


def loaded(states: xr.DataArray) -> np.ndarray:
    """All values of the states in memory, (N, S, D), float32 or float64. Raises as `each_block` does."""
    check_states(states)
    _check_content(states)
    values = _load(states)
    _check_values(values, states, states.sizes[SAMPLE], 0)
    return values


def _bounds(states: xr.DataArray) -> list[int]:
    """Where blocks begin and end along samples.

    Dask chunks that hold whole samples are kept together: each is read once, and small ones are read
    together up to the size of a block. Everything else is cut into blocks of bounded size.
    """
    n_samples = states.sizes[SAMPLE]
    sample_bytes = max(1, states.nbytes // n_samples)
    rows = max(1, min(_BLOCK_BYTES // sample_bytes, _BLOCK_ROWS))
    # Of the states alone: coordinates that were stored beside them have chunks of their own.
    chunks = dict(states.variable.chunksizes)
    whole = len(chunks.get(SUBLAYER, ())) == 1 and len(chunks.get(UNIT, ())) == 1
    if not whole or max(chunks[SAMPLE]) * sample_bytes > _CHUNK_BYTES:
        return [*range(0, n_samples, rows), n_samples]
    bounds, size = [0], 0
    for chunk in chunks[SAMPLE]:
        if size and size + chunk > rows:
            bounds.append(bounds[-1] + size)
            size = 0
        size += chunk
    return [*bounds, n_samples]


def _pieces(states: xr.DataArray, along: str) -> list[list[int]]:
    """What is loaded at a time: where its first block begins, where the others do, and where its last one ends."""
    if along == SAMPLE:
        return [list(pair) for pair in itertools.pairwise(_bounds(states))]
    total = states.sizes[along]
    entry = max(1, states.nbytes // total)
    fitting, multiple = _BLOCK_BYTES // entry, _BAND_MULTIPLE[along]
    size = fitting // multiple * multiple if fitting >= multiple else max(1, fitting)
    *_, deep, wide = layout.chunk_shape(1, states.sizes[UNIT])
    chunk = deep if along == SUBLAYER else wide
    # Whole chunks, as many as make a band; those too large to be in memory at a time are cut.
    whole = max(1, size // chunk) * chunk
    if whole * entry > _LOADED_BYTES:
        whole = max(1, _LOADED_BYTES // entry)
    return [
        [*range(start, min(start + whole, total), size), min(start + whole, total)]
        for start in range(0, total, whole)
    ]


def _load(part: xr.DataArray) -> np.ndarray:
    """A part of the states in memory, float32 or float64: a view of such an array that is there already."""
    rows = part.variable.chunksizes.get(SAMPLE, ())
    if len(rows) < 2:
        return _computed(part)
    # A few chunks at a time: all of them would be in memory a second time while they are put together.
    values = np.empty(part.shape, dtype=float_of(part.dtype))
    row_bytes = max(1, part.nbytes // part.sizes[SAMPLE])
    start = stop = 0
    for i, size in enumerate(rows):
        stop += size
        if i + 1 == len(rows) or (stop + rows[i + 1] - start) * row_bytes > _BLOCK_BYTES:
            values[start:stop] = _computed(part.isel({SAMPLE: slice(start, stop)}))
            start = stop
    return values


def _computed(part: xr.DataArray) -> np.ndarray:
    # Dask's own threads would put a block on every core; the walk's own threads are the parallelism.
    values = part.variable.compute(scheduler="synchronous").values
    return values.astype(float_of(values.dtype), copy=False)


def _check_content(states: xr.DataArray) -> None:
    if 0 in states.shape:
        empty = ", ".join(repr(str(dim)) for dim in states.dims if not states.sizes[dim])
        raise DataError(
            f"Results need at least one sample, sublayer and unit; these states have {dict(states.sizes)}. "
            f"Choose at least one along {empty}."
        )
    float_of(states.dtype)


def _check_values(block: np.ndarray, part: xr.DataArray, n_samples: int, first_sample: int) -> None:
    """Raise DataError for a NaN, an infinity or a value beyond float32's range in a part of the states."""
    # Extremes carry NaN and cost no copy of the block; the comparison is false for NaN. As Python's floats: in
    # float16 the limit itself would be infinite.
    ends = [(float(block[:, s].min()), float(block[:, s].max())) for s in range(block.shape[1])]
    if all(low >= -_LARGEST and high <= _LARGEST for low, high in ends):
        return
    for i, sample in enumerate(block):
        bad = ~(np.abs(sample.astype(np.float64)) <= _LARGEST)
        if bad.any():
            s, unit = np.argwhere(bad)[0]
            name, text = _name_sample(part, i)
            raise DataError(
                f"Results need finite states within float32's range; sample {name}{text} holds {sample[s, unit]} "
                f"at sublayer {part['layer'].values[s]}.{part['site'].values[s]}, unit {_name_unit(part, unit)}. "
                "Capture it again in float32 or bfloat16, or leave it out: "
                f"states.isel(sample=[i for i in range({n_samples}) if i != {first_sample + i}])."
            )


def _name_sample(states: xr.DataArray, position: int) -> tuple[str, str]:
    """A sample's label and, where the states carry one, the text it came from."""
    name = str(states[SAMPLE].values[position]) if SAMPLE in states.coords else str(position)
    text = f" (text {states['text_id'].values[position]})" if "text_id" in states.coords else ""
    return name, text


def _name_unit(states: xr.DataArray, position: int) -> str:
    return str(states[UNIT].values[position]) if UNIT in states.coords else str(position)
