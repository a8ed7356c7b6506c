"""The walk over states: any chunking, bounded, in order, the same bits each time; bad values named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import dask.array
import numpy as np
import pytest
import xarray as xr

from residyn import walk as stream
from residyn.errors import DataError
from residyn.numerics.geometry import PathSums, concatenate, path_sums
from residyn.numerics.moments import Moments, from_block, merged
from residyn.schema import label_states, sublayers_of


def moments_of(states: xr.DataArray) -> Moments:
    return merged(list(stream.each_block(states, from_block)))


def path_sums_of(states: xr.DataArray, progress: stream.Progress | None = None) -> PathSums:
    return concatenate(list(stream.each_block(states, path_sums, progress)))


Make = Callable[..., xr.DataArray]

CHUNKS = {
    "one chunk a shard": (16, -1, -1),
    "ragged": ((5, 30, 1, 14), -1, -1),
    "one sample each": (1, -1, -1),
    "one sublayer each": (-1, 1, -1),
    "some units each": (20, -1, 5),
    "all cut": (7, 2, 3),
}


def test_blocks_are_the_samples_in_order(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(50)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 7 * states[0].nbytes)
    blocks = list(stream.each_block(states, np.copy))
    assert [len(block) for block in blocks] == [7] * 7 + [1]
    np.testing.assert_array_equal(np.concatenate(blocks), states.values)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_any_chunking_gives_the_same_results(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, chunks: tuple[object, ...]
) -> None:
    states = make_states(50)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 16 * states[0].nbytes)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=chunks))
    moments, sums = moments_of(lazy), path_sums_of(lazy)
    expected_moments, expected_sums = moments_of(states), path_sums_of(states)
    assert moments.count == 50
    np.testing.assert_allclose(moments.mean, expected_moments.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moments.m2, expected_moments.m2, rtol=1e-12)
    np.testing.assert_allclose(moments.comoment, expected_moments.comoment, rtol=1e-11, atol=1e-10)
    np.testing.assert_array_equal(sums.square, expected_sums.square)
    np.testing.assert_array_equal(sums.step_square, expected_sums.step_square)


def test_a_stored_chunk_is_read_once_and_small_ones_together(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = make_states(48)
    one = states[0].nbytes
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 8 * one)
    monkeypatch.setattr(stream, "_CHUNK_BYTES", 16 * one)

    def sizes(*chunks: object) -> list[int]:
        lazy = states.copy(data=dask.array.from_array(states.values, chunks=chunks))
        return [len(block) for block in stream.each_block(lazy, np.copy)]

    assert sizes(16, -1, -1) == [16, 16, 16]
    assert sizes(3, -1, -1) == [6] * 8
    assert sizes((2, 16, 3, 5, 16, 6), -1, -1) == [2, 16, 8, 16, 6]
    assert sizes(24, -1, -1) == [8] * 6
    assert sizes(-1, 1, -1) == [8] * 6


def test_long_arrays_of_few_units_are_cut_by_rows(make_states: Make) -> None:
    states = make_states(9000, layers=1, units=2)
    assert [len(block) for block in stream.each_block(states, np.copy)] == [4096, 4096, 808]


def test_the_same_states_give_the_same_bits_whatever_the_timing(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = make_states(64)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 5 * states[0].nbytes)

    def results(delays: np.random.Generator) -> Moments:
        def slow(block: np.ndarray) -> Moments:
            time.sleep(delays.uniform(0, 0.01))
            return from_block(block)

        return merged(list(stream.each_block(states, slow)))

    one, other = (results(np.random.default_rng(seed)) for seed in (1, 2))
    for name in ("mean", "m2", "comoment"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_at_most_two_blocks_are_in_flight(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(60)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 2 * states[0].nbytes)
    lock, running, most = threading.Lock(), 0, 0

    def watched(block: np.ndarray) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return len(block)

    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(2, -1, -1)))
    assert sum(stream.each_block(lazy, watched)) == 60
    assert most == 2


def test_blocks_are_not_read_ahead_of_a_slow_consumer(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(60)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 2 * states[0].nbytes)
    started: list[int] = []
    blocks = stream.each_block(states, lambda block: started.append(len(block)))
    next(blocks)
    time.sleep(0.05)
    assert len(started) <= 3
    blocks.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("residyn-block")]


def test_progress_counts_the_samples_done(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(50)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 20 * states[0].nbytes)
    seen: list[tuple[int, int]] = []
    path_sums_of(states, lambda done, total: seen.append((done, total)))
    assert seen == [(20, 50), (40, 50), (50, 50)]


def test_an_array_in_memory_is_not_copied(make_states: Make) -> None:
    states = make_states(10)
    assert all(stream.each_block(states, lambda block: np.shares_memory(block, states.values)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_by_sample_and_first_sublayer(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    data = make_states(50).values
    data[33, 4, 2] = data[33, 3, 7] = data[41, 0, 0] = value
    states = make_states(data=data)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 10 * states[0].nbytes)
    for chunks in (None, (10, -1, -1)):
        given = states if chunks is None else states.copy(data=dask.array.from_array(data, chunks=chunks))
        with pytest.raises(DataError) as caught:
            moments_of(given)
        message = str(caught.value)
        assert "sample 133 (text text-33)" in message
        assert f"holds {value} at sublayer 1.mlp, unit 7" in message
        assert "if i != 33]" in message


@pytest.mark.parametrize(("sublayer", "label"), [(0, "0.attn"), (5, "2.mlp")])
def test_both_ends_of_the_depth_are_checked(make_states: Make, sublayer: int, label: str) -> None:
    data = make_states(5).values
    data[4, sublayer, 11] = np.nan
    with pytest.raises(DataError, match=f"sample 104 .* at sublayer {label}, unit 11"):
        path_sums_of(make_states(data=data))


def test_values_beyond_float32_are_refused_and_its_largest_is_not(make_states: Make) -> None:
    data = make_states(5).values.astype(np.float64)
    data[2, 1, 0] = 3.5e38
    with pytest.raises(DataError, match=r"sample 102 .* at sublayer 0\.mlp, unit 0"):
        path_sums_of(make_states(data=data))
    data[2, 1, 0] = np.finfo(np.float32).max
    assert np.isfinite(path_sums_of(make_states(data=data)).square).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("error")
def test_half_precision_is_checked_as_any_other(make_states: Make, value: float) -> None:
    data = make_states(6).values.astype(np.float16)
    data[0, 0, 0] = np.finfo(np.float16).max
    states = make_states(6).copy(data=data)
    assert sum(stream.each_block(states, len)) == 6
    data[2, 1, 3] = value
    with pytest.raises(DataError, match=rf"sample 102 \(text text-2\) holds {value} at sublayer 0\.mlp, unit 3"):
        list(stream.each_block(states.copy(data=data), len))


def test_whole_numbers_are_read_as_numbers(make_states: Make) -> None:
    data = np.random.default_rng(0).integers(-100, 100, (20, 6, 4), dtype=np.int8)
    sums = path_sums_of(make_states(data=data))
    np.testing.assert_array_equal(sums.square, (data.astype(float) ** 2).sum(axis=2))
    np.testing.assert_array_equal(sums.absolute, np.abs(data.astype(float)).sum(axis=2))


def test_what_is_no_states_is_refused(make_states: Make) -> None:
    states = make_states(5)
    with pytest.raises(DataError, match="real numbers, such as float32; these have dtype complex128"):
        moments_of(states.astype(complex))
    with pytest.raises(DataError, match="at least one sample, sublayer and unit"):
        moments_of(states.isel(sample=[]))
    with pytest.raises(DataError, match="Expected states with dimensions"):
        moments_of(states.transpose("unit", "sample", "sublayer"))
    unlabelled = label_states(states.values, sublayers_of(states)).drop_vars("site")
    with pytest.raises(DataError, match="lack the coordinate 'site'"):
        moments_of(unlabelled)


@pytest.mark.parametrize("along", ["sublayer", "unit"])
@pytest.mark.parametrize("chunks", [None, (16, -1, -1), (7, 2, 3)])
def test_bands_hold_every_sample_and_are_in_order(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, along: str, chunks: tuple[int, ...] | None
) -> None:
    states = make_states(50, layers=9, units=200)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 10 * states.isel({along: 0}).nbytes)
    monkeypatch.setattr(stream, "_BAND_MULTIPLE", {"sublayer": 8, "unit": 4})
    given = states if chunks is None else states.copy(data=dask.array.from_array(states.values, chunks=chunks))
    done: list[tuple[int, int]] = []
    bands = list(stream.each_block(given, np.copy, lambda *seen: done.append(seen), along=along))
    axis = states.get_axis_num(along)
    assert [band.shape[axis] for band in bands] == ([8, 8, 2] if along == "sublayer" else [8] * 25)
    np.testing.assert_array_equal(np.concatenate(bands, axis=axis), states.values)
    assert done[-1] == (states.sizes[along],) * 2


class Watched:
    """An array that says which parts of it were asked for."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.asked = values, []
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, values.dtype

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        self.asked.append(index)
        return self.values[index]


@pytest.mark.parametrize(("along", "width", "chunks", "bands"), [("sublayer", 2, 3, 10), ("unit", 64, 2, 16)])
def test_each_chunk_of_a_store_is_read_once_however_small_bands_are(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, *, along: str, width: int, chunks: int, bands: int
) -> None:
    # Of 960 units a store has chunks of 480, and of 20 sublayers chunks of 8.
    states = make_states(30, layers=10, units=960)
    axis = states.get_axis_num(along)
    whole = Watched(states.values)
    lazy = states.copy(data=dask.array.from_array(whole, chunks=(7, -1, -1), meta=np.empty((0, 0, 0), np.float32)))
    monkeypatch.setattr(
        stream, "_BLOCK_BYTES", (2 if along == "sublayer" else 64) * states.isel({along: 0}).nbytes
    )
    found = list(stream.each_block(lazy, np.copy, along=along))
    np.testing.assert_array_equal(np.concatenate(found, axis=axis), states.values)
    assert len(found) == bands
    asked = {(index[axis].start, index[axis].stop) for index in whole.asked}
    assert len(asked) == chunks
    assert len(whole.asked) == chunks * 5
    monkeypatch.setattr(stream, "_LOADED_BYTES", 3 * states.isel({along: 0}).nbytes)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", states.isel({along: 0}).nbytes)
    assert max(part.shape[axis] for part in stream.each_block(lazy, np.copy, along=along)) == 1


def test_a_band_is_never_empty_however_large_one_entry_is(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = make_states(20)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 1)
    assert [band.shape for band in stream.each_block(states, np.copy, along="unit")] == [(20, 6, 1)] * 12


@pytest.mark.parametrize("along", ["sublayer", "unit"])
def test_a_bad_value_is_named_by_its_place_in_the_whole_and_not_in_its_band(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, along: str
) -> None:
    data = make_states(50).values
    data[33, 4, 7] = np.nan
    states = make_states(data=data)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 1)
    with pytest.raises(DataError, match=r"sample 133 \(text text-33\) holds nan at sublayer 2\.attn, unit 7") as e:
        list(stream.each_block(states, np.copy, along=along))
    assert "range(50) if i != 33]" in str(e.value)
