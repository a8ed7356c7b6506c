"""Who computes pieces of work, whose results come in order: threads of this process, or an executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import cloudpickle

from residyn.errors import UsageError
from residyn.machine import available_memory, cores
from residyn.numerics.pca import one_thread

T = TypeVar("T")
_FEWEST, _MOST = 2, 8
"""Threads of this process: reading one block overlaps with computing on another, and blocks of too many would fill
the memory without being read any faster.
"""


class _Given(NamedTuple):
    executor: Executor
    at_once: int


class _Submit(Protocol[T]):
    """Called with the arguments of one piece of work; its result is the future's."""

    def __call__(self, *arguments: Any) -> Future[T]: ...


class _Pool(NamedTuple):
    """`submit` hands out a piece of work; `at_once` is how many are to be under way at a time."""

    submit: _Submit[Any]
    at_once: int


_GIVEN: ContextVar[_Given | None] = ContextVar("residyn_executor", default=None)
_AT_WORK: ContextVar[bool] = ContextVar("residyn_at_work", default=False)
"""Whether this thread computes a piece: the other cores have pieces of their own."""


@contextmanager
def running_on(executor: Executor, *, at_once: int = 4) -> Iterator[None]:
    """A context in which states are read and reduced by `executor` and not by threads of residyn's own.

    `executor` is any of PEP 3148: a ThreadPoolExecutor, a ProcessPoolExecutor, or `client.get_executor()` of
    dask.distributed, whose workers must see the run's directory under the same path. `at_once` pieces of work are
    handed out at a time, at least 1; as many results, and on threads as many blocks of states, are in memory.
    Blocks and the order in which they are combined do not depend on who computes them, so that results are the
    same bits; workers need the same versions of residyn and numpy, and processors of one kind. The executor is not
    shut down.

    Raises UsageError for what has no `submit`, and for fewer than one piece at a time.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool, rd.running_on(pool):
    ...     results = rd.analyze(states)
    """
    if not callable(getattr(executor, "submit", None)):
        raise UsageError(
            f"Blocks are handed to an executor, an object with the method submit; got {type(executor).__name__}. "
            "Pass concurrent.futures.ProcessPoolExecutor(), or client.get_executor() of dask.distributed."
        )
    if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
        raise UsageError(f"at_once is a whole number of at least 1; got {at_once!r}.")
    token = _GIVEN.set(_Given(executor, at_once))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def in_order(
    work: Callable[..., T], pieces: Iterable[tuple[Any, ...]], *, memory: int, here: bool = False
) -> Iterator[T]:
    """Yield `work(*piece)` for each piece, in their order, several under way at a time.

    The executor that was given computes them (`running_on`), or threads of this process: one a core, at least 2
    and at most 8, and no more than have room for `memory` bytes each in half of the memory that can be had; 2
    within a piece of other work. With `here` it is threads of this process in any case. A piece is taken from
    `pieces` when it is handed out. Raises what `work` raises, at the piece's turn. When no more is asked for, what
    was not begun is cancelled; threads of this process are waited for, but not after Ctrl-C.
    """
    waiting: deque[Future[T]] = deque()
    coming = iter(pieces)
    with _pool_for(work, memory, here) as pool:
        waiting.extend(pool.submit(*piece) for piece in islice(coming, pool.at_once))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(*piece) for piece in islice(coming, 1))
            yield result


def threads_for(memory: int) -> int:
    """How many threads of this process work at a time where each needs so many bytes of memory, from 2 to 8."""
    if _AT_WORK.get():
        return _FEWEST
    fitting = available_memory() // 2 // max(1, memory)
    return max(_FEWEST, min(_MOST, cores(), fitting))


@contextmanager
def _pool_for(work: Callable[..., T], memory: int, here: bool) -> Iterator[_Pool]:
    """Whoever computes `work(*arguments)`, as `in_order` says."""
    given = None if here else _GIVEN.get()
    if given is None:
        n = threads_for(memory)
        with _own(n) as pool:
            yield _Pool(_on_threads(pool, work), n)
        return
    on_threads = isinstance(given.executor, ThreadPoolExecutor)
    submit = _on_threads(given.executor, work) if on_threads else _elsewhere(given.executor, work)
    handed_out: list[Future[T]] = []

    def kept(*arguments: Any) -> Future[T]:
        handed_out[:] = [one for one in handed_out if not one.done()]
        handed_out.append(submit(*arguments))
        return handed_out[-1]

    try:
        yield _Pool(kept, given.at_once)
    finally:
        for future in handed_out:
            future.cancel()


@contextmanager
def _own(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="residyn-block")
    wait = True
    try:
        yield pool
    except KeyboardInterrupt:
        # Nobody waits for the blocks in hand.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _on_threads(pool: Executor, work: Callable[..., T]) -> _Submit[T]:
    return lambda *arguments: pool.submit(_piece, work, *arguments)


def _piece(work: Callable[..., T], *arguments: Any) -> T:
    token = _AT_WORK.set(True)
    try:
        return work(*arguments)
    finally:
        _AT_WORK.reset(token)


def _elsewhere(executor: Executor, work: Callable[..., T]) -> _Submit[T]:
    """Work and arguments travel as bytes: functions inside functions are among them, which pickle refuses."""
    packed = cloudpickle.dumps(work)
    return lambda *arguments: executor.submit(_unpacked, packed, cloudpickle.dumps(arguments))


def _unpacked(work: bytes, arguments: bytes) -> Any:
    # As in a walk's own threads: the last bits of a product can depend on how many threads share it.
    with one_thread():
        return _piece(_work_of(work), *cloudpickle.loads(arguments))


@lru_cache(maxsize=2)
def _work_of(packed: bytes) -> Callable[..., Any]:
    return cloudpickle.loads(packed)
