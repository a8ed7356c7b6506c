"""Who computes the blocks of a walk: a few threads of its own, or an executor that was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import cloudpickle

from residyn.errors import UsageError
from residyn.numerics.pca import one_thread

T = TypeVar("T")


class _Given(NamedTuple):
    executor: Executor
    at_once: int


class Submit(Protocol[T]):
    """Called with the arguments of one piece of work; its result is the future's."""

    def __call__(self, *arguments: Any) -> Future[T]: ...


class WalkPool(NamedTuple):
    """`submit` hands out a piece of work; `at_once` is how many are to be under way at a time."""

    submit: Submit[Any]
    at_once: int


_GIVEN: ContextVar[_Given | None] = ContextVar("residyn_executor", default=None)


@contextmanager
def running_on(executor: Executor, *, at_once: int = 4) -> Iterator[None]:
    """A context in which states are read and reduced by `executor` and not by two threads of residyn's own.

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


@contextmanager
def pool_for(work: Callable[..., T], own_threads: int) -> Iterator[WalkPool]:
    """Whoever computes `work(*arguments)`: the executor that was given, or that many threads of its own.

    When the context ends, work that was not begun is cancelled; own threads are waited for, but not after Ctrl-C.
    """
    given = _GIVEN.get()
    if given is None:
        with _own(own_threads) as pool:
            yield WalkPool(_on_threads(pool, work), own_threads)
        return
    on_threads = isinstance(given.executor, ThreadPoolExecutor)
    submit = _on_threads(given.executor, work) if on_threads else _elsewhere(given.executor, work)
    handed_out: list[Future[T]] = []

    def kept(*arguments: Any) -> Future[T]:
        handed_out[:] = [one for one in handed_out if not one.done()]
        handed_out.append(submit(*arguments))
        return handed_out[-1]

    try:
        yield WalkPool(kept, given.at_once)
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


def _on_threads(pool: Executor, work: Callable[..., T]) -> Submit[T]:
    return lambda *arguments: pool.submit(work, *arguments)


def _elsewhere(executor: Executor, work: Callable[..., T]) -> Submit[T]:
    """Work and arguments travel as bytes: functions inside functions are among them, which pickle refuses."""
    packed = cloudpickle.dumps(work)
    return lambda *arguments: executor.submit(_unpacked, packed, cloudpickle.dumps(arguments))


def _unpacked(work: bytes, arguments: bytes) -> Any:
    # As in a walk's own threads: the last bits of a product can depend on how many threads share it.
    with one_thread():
        return _work_of(work)(*cloudpickle.loads(arguments))


@lru_cache(maxsize=2)
def _work_of(packed: bytes) -> Callable[..., Any]:
    return cloudpickle.loads(packed)
