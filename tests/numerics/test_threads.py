"""Rows shared out among threads: each once, on as many threads as asked for, errors passed on."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest

from residyn.errors import UsageError
from residyn.numerics.threads import over_rows


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 100])
def test_every_row_is_given_out_once(n: int, threads: int | None) -> None:
    visits = np.zeros(n, dtype=int)
    lock = threading.Lock()

    def work(start: int, stop: int) -> None:
        assert start < stop
        with lock:
            visits[start:stop] += 1

    over_rows(work, n, threads)
    np.testing.assert_array_equal(visits, 1)


def test_as_many_threads_work_at_once_as_asked_for() -> None:
    together = threading.Barrier(3, timeout=30)

    def wait(start: int, stop: int) -> None:
        together.wait()

    over_rows(wait, 12, 3)
    workers = set()
    over_rows(lambda start, stop: workers.add(threading.current_thread()), 12, 1)
    assert workers == {threading.current_thread()}


def test_it_can_be_called_from_several_threads_at_once() -> None:
    visits = np.zeros((4, 50), dtype=int)

    def visit(row: int, first: int, last: int) -> None:
        visits[row, first:last] += 1

    def outer(start: int, stop: int) -> None:
        for row in range(start, stop):
            over_rows(partial(visit, row), 50, 2)

    over_rows(outer, 4, 4)
    np.testing.assert_array_equal(visits, 1)


def test_the_first_error_is_raised_and_parts_not_begun_are_left_out() -> None:
    begun = []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        if len(begun) == 1:
            raise ZeroDivisionError("of the first part")
        raise AssertionError("a part was begun after an error")

    with pytest.raises(ZeroDivisionError, match="of the first part"):
        over_rows(work, 40, 1)
    assert begun == [0]
    release = threading.Event()
    later = []

    def slow(start: int, stop: int) -> None:
        if start == 0:
            raise ZeroDivisionError("of the first part")
        later.append(start)
        release.wait(0.2)

    with pytest.raises(ZeroDivisionError):
        over_rows(slow, 80, 2)
    # Eight parts: one fails; a worker may have begun a few before the error was seen.
    assert len(later) < 7


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(UsageError, match="threads=0"):
        over_rows(lambda start, stop: None, 3, 0)
