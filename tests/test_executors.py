"""An executor that is given reads and reduces the blocks: the same bits, whoever computes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_info

import residyn as rd
from residyn import executors, store
from residyn.errors import DataError, UsageError
from residyn.executors import in_order, threads_for
from residyn.numerics.pca import one_thread
from residyn.walk import each_block
from store.producer import complete

FEW = rd.AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=(), components=5)
Make = Callable[..., xr.DataArray]


@pytest.fixture(scope="module")
def processes():
    """Two fresh processes, as a cluster's are: nothing of this one's memory is in them."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """States in a run directory, in 12 shards."""
    return store.open_states(complete(tmp_path_factory.mktemp("run") / "run", n=90, s=6, d=24, rows_per_shard=8))


@pytest.mark.parametrize("along", ["sample", "sublayer", "unit"])
def test_blocks_are_computed_by_the_executor_and_are_the_same(stored, processes, along):
    here = list(each_block(stored, np.copy, along=along))
    with rd.running_on(processes):
        there = list(each_block(stored, lambda block: (os.getpid(), np.copy(block)), along=along))
    assert os.getpid() not in {process for process, _ in there}
    assert [block.tobytes() for _, block in there] == [block.tobytes() for block in here]


@pytest.mark.slow
def test_a_whole_analysis_is_the_same_bits(stored, processes):
    settings = rd.AnalysisSettings(estimators=("gcmi", "kde", "ksg"), components=5)
    here = rd.analyze(stored, settings)
    with rd.running_on(processes, at_once=3):
        there = rd.analyze(stored, settings)
    assert there.identical(here)
    with ThreadPoolExecutor(3) as pool, rd.running_on(pool):
        assert rd.analyze(stored, settings).identical(here)


@pytest.mark.slow
def test_verdicts_are_the_same(stored, processes):
    settings = rd.ClaimsSettings(resamples=20, null_draws=3, null_samples=60)
    # A claim's tasks are what is handed out, each whole: those of the model, its conditions and its nulls.
    given = {"settings": settings, "controls": {"shuffled-tokens": stored}, "results": rd.analyze(stored, FEW)}
    tasks: list[tuple[int, int]] = []
    here = rd.judge(stored, **given, progress=lambda *done: tasks.append(done))
    counted = Counting(processes)
    with rd.running_on(counted):
        there = rd.judge(stored, **given)
    # As text: what is not defined equals itself there.
    assert str(there.to_record()) == str(here.to_record())
    assert counted.submitted == len(tasks) - 1 > 10
    with ThreadPoolExecutor(3) as pool, rd.running_on(pool):
        assert str(rd.judge(stored, **given).to_record()) == str(here.to_record())


class Counting(Executor):
    """Another executor, and how much it was given."""

    def __init__(self, of: Executor) -> None:
        self.of, self.submitted, self.most, self.under_way = of, 0, 0, set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        future = self.of.submit(fn, *args, **kwargs)
        self.under_way = {one for one in self.under_way if not one.done()} | {future}
        self.most = max(self.most, len(self.under_way))
        return future


def test_no_more_is_handed_out_at_a_time_than_was_asked_for(make_states: Make, monkeypatch) -> None:
    states = make_states(60)
    monkeypatch.setattr("residyn.walk._BLOCK_BYTES", 2 * states[0].nbytes)
    with ThreadPoolExecutor(8) as pool:
        counting = Counting(pool)
        with rd.running_on(counting, at_once=3):
            assert sum(each_block(states, len)) == 60
    assert counting.submitted == 30
    assert counting.most <= 3


@pytest.mark.parametrize(
    ("cores", "memory", "threads"),
    [(1, 1, 2), (2, 1, 2), (6, 1, 6), (64, 1, 8), (64, 5 << 30, 3), (64, 1 << 40, 2)],
)
def test_threads_are_as_many_as_cores_as_far_as_memory_allows(monkeypatch, cores, memory, threads) -> None:
    monkeypatch.setattr(executors, "cores", lambda: cores)
    monkeypatch.setattr(executors, "available_memory", lambda: 32 << 30)
    assert threads_for(memory) == threads


def test_results_come_in_order_and_pieces_are_taken_as_they_are_handed_out(monkeypatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 3)
    taken: list[int] = []
    seen: list[int] = []

    def pieces() -> Iterator[tuple[int]]:
        for number in range(12):
            taken.append(number)
            yield (number,)

    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    for number in in_order(work, pieces(), memory=1):
        seen.append(number)
        # Three under way beside the one that came, and none beyond them.
        assert len(taken) == min(12, number + 4)
    assert seen == list(range(12))


def test_work_that_belongs_here_is_not_handed_to_an_executor() -> None:
    with ThreadPoolExecutor(1) as pool:
        counting = Counting(pool)
        with rd.running_on(counting):
            assert list(in_order(abs, [(-1,), (-2,)], memory=1, here=True)) == [1, 2]
            assert not counting.submitted
            assert list(in_order(abs, [(-1,), (-2,)], memory=1)) == [1, 2]
    assert counting.submitted == 2


def test_what_a_piece_raises_is_raised_at_its_turn() -> None:
    made = in_order(lambda number: 1 / number, [(2,), (0,), (1,)], memory=1)
    assert next(made) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_a_piece_of_work_has_two_threads_for_its_own_pieces(monkeypatch, processes) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 8)
    assert threads_for(1) == 8
    assert set(in_order(threads_for, [(1,)] * 5, memory=1)) == {2}
    assert threads_for(1) == 8
    with ThreadPoolExecutor(1) as pool:
        with rd.running_on(pool):
            assert set(in_order(threads_for, [(1,)], memory=1)) == {2}
        assert pool.submit(threads_for, 1).result() == 8

    def at_work() -> bool:
        return executors._AT_WORK.get()

    with rd.running_on(processes):
        assert list(in_order(at_work, [()], memory=1)) == [True]


@pytest.mark.parametrize("cores", [1, 5])
def test_a_walk_and_a_flow_are_the_same_bits_on_any_number_of_threads(
    stored, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr("residyn.walk._BLOCK_BYTES", 8 * stored[0].nbytes)
    mean = rd.velocity.curve(stored)
    here = rd.flows(stored), list(each_block(stored, np.copy))
    assert len(here[1]) == 12
    monkeypatch.setattr(executors, "cores", lambda: cores)
    there = rd.flows(stored), list(each_block(stored, np.copy))
    assert there[0].identical(here[0])
    assert [one.tobytes() for one in there[1]] == [one.tobytes() for one in here[1]]
    assert rd.velocity.curve(stored).identical(mean)


def test_what_a_block_raises_is_raised_here_and_the_executor_goes_on(make_states: Make, processes) -> None:
    bad = make_states(20).copy()
    bad[3, 2, 1] = np.inf
    with rd.running_on(processes):
        with pytest.raises(DataError, match=r"sample 103 \(text text-3\) holds inf"):
            list(each_block(bad, len))
        assert sum(each_block(make_states(20), len)) == 20


def test_after_the_context_nothing_is_handed_out(make_states: Make) -> None:
    with ThreadPoolExecutor(1) as pool:
        counting = Counting(pool)
        with rd.running_on(counting):
            pass
        assert sum(each_block(make_states(20), len)) == 20
    assert not counting.submitted


def test_what_is_no_executor_is_refused() -> None:
    with pytest.raises(UsageError, match="method submit; got int"), rd.running_on(4):  # type: ignore[arg-type]
        pass
    with ThreadPoolExecutor(1) as pool:
        for wrong in (0, -1, True, 1.5):
            with pytest.raises(UsageError, match="at least 1"), rd.running_on(pool, at_once=wrong):  # type: ignore[arg-type]
                pass


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_products_are_held_to_one_thread_until_the_last_context_ends() -> None:
    first, second = one_thread(), one_thread()
    before = blas_threads()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before
