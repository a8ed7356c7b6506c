"""Workers to share the work out to: processes of this machine, or those of a cluster of dask.distributed.

The one place that knows the engine; everything else knows an executor.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from residyn.crew import AHEAD, Crew, is_final, told, workers_of
from residyn.errors import ResidynError, ResourceError
from residyn.executors import running_on
from residyn.machine import cores
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.settings import CrewSettings

PRELOAD = "residyn.model.worker"
_THREADS: tuple[str, ...] = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_CONNECT_S = 30
_SETTINGS = {
    # A worker that computes may not answer for a while, and one that starts again imports torch first.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Targets of teleports are larger than what dask warns of.
    "distributed.admin.large-graph-warning-threshold": "1 GB",
}


@contextmanager
def crew_of(settings: CrewSettings, reporter: Reporter = SILENT) -> Iterator[Crew]:
    """The crew that is asked for; its workers are started, or looked for, when they are first needed.

    Raises ResourceError, then, where dask.distributed is not installed, no scheduler answers, or there are too few
    GPUs.
    """
    if not settings.workers and settings.scheduler is None:
        yield Crew(mixed=settings.mixed, gpus=settings.gpus_per_worker)
        return
    with ExitStack() as held:

        @functools.cache
        def engine() -> Executor:
            with reporter.stage("Starting the workers" if settings.workers else "Looking for the workers"):
                client = held.enter_context(_client(settings, held))
                return client.get_executor(pure=False)

        yield Crew(engine, settings.mixed, settings.gpus_per_worker, reporter.note)


@contextmanager
def walking(crew: Crew, what: str = "A block of states") -> Iterator[None]:
    """While the context is open, the workers of a crew compute what is read of states; nobody else without any.

    Raises ResourceError where a piece of it, which messages call `what`, ends its workers, or they are gone.
    """
    if crew.engine is None:
        yield
        return
    executor = crew.engine()
    with running_on(executor, at_once=AHEAD * workers_of(executor)):
        try:
            yield
        except (ResidynError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if not is_final(error):
                raise
            raise told(what, error) from error


def _client(settings: CrewSettings, held: ExitStack) -> Any:
    """A client that computes what it is given and nothing else: states that this process reads it reads itself."""
    try:
        from dask.config import set as configured
        from distributed import Client, Nanny, Scheduler, SpecCluster
    except ImportError as error:
        raise ResourceError(
            f"Workers are those of dask.distributed, which is not installed here ({error}). Install it (pip "
            "install 'residyn[cluster]'), or do without workers."
        ) from error
    if settings.scheduler is not None:
        return _connected(functools.partial(Client, set_as_default=False), settings.scheduler)
    held.enter_context(configured(_SETTINGS))
    # What ends a worker is told by whoever waits for its task.
    held.enter_context(_quiet("distributed"))
    cluster = SpecCluster(
        scheduler={"cls": Scheduler, "options": {"dashboard": False, "host": "127.0.0.1", "port": 0}},
        workers={
            number: {
                "cls": Nanny,
                "options": {
                    "nthreads": 1,
                    "memory_limit": 0,
                    "host": "127.0.0.1",
                    "preload": [PRELOAD],
                    "env": environment,
                    "silence_logs": logging.CRITICAL,
                },
            }
            for number, environment in enumerate(_environments(settings))
        },
    )
    return Client(held.enter_context(cluster), set_as_default=False)


def _connected(client: Any, scheduler: str) -> Any:
    advice = "Name its address (tcp://HOST:PORT), or the file that it was started with (--scheduler-file)."
    place = Path(scheduler).expanduser()
    try:
        if "://" not in scheduler and place.is_file():
            return client(scheduler_file=str(place), timeout=_CONNECT_S)
        return client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResourceError(
            f"A scheduler of dask.distributed should answer at {scheduler}; none did within {_CONNECT_S} s "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]}). {advice}"
        ) from error


def _environments(settings: CrewSettings) -> list[dict[str, str]]:
    """What each worker finds in its environment: its share of the cores, and GPUs of its own."""
    from residyn.model.loading.placement import visible_gpus

    threads = str(max(1, cores() // settings.workers))
    common = dict.fromkeys(_THREADS, threads)
    gpus, each = visible_gpus(), settings.gpus_per_worker
    if not gpus:
        return [common] * settings.workers
    if each > 1 and each * settings.workers > len(gpus):
        raise ResourceError(
            f"{settings.workers} workers with {each} GPUs each need {each * settings.workers}; {len(gpus)} are "
            "here. Take fewer workers (--workers), or fewer GPUs for each (--gpus-per-worker)."
        )
    shares = [[gpus[(each * number + i) % len(gpus)] for i in range(each)] for number in range(settings.workers)]
    return [{**common, "CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
