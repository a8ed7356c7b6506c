"""The states of a plan's shards: its batches through the model, while the last ones' states are put into place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from residyn.model.batches import Batch, BatchPlan
from residyn.model.capture_plan import CapturePlan
from residyn.model.forward import Asked, in_halves_if_needed, reading
from residyn.model.hooks import taps_of
from residyn.model.loading import LoadedModel
from residyn.progress import Progress
from residyn.store import SampleTable


class Computed(NamedTuple):
    """The states (row, sublayer, unit) of one shard, float32, and whether a batch of them had to be halved."""

    shard: int
    block: np.ndarray
    halved: bool


def computed(plan: CapturePlan, shards: Iterable[int], progress: Progress | None = None) -> Iterator[Computed]:
    """The states of some of a plan's shards, in that order: the same bits whichever are asked for together.

    A batch may fill rows of several shards: it is computed once for those that are asked for one after the
    other, so that ranges of shards are cheapest. Nothing is stored, and no file is read or written. progress:
    called with (tokens done, tokens in all), where the batches that are not needed count as done.
    """
    shards = list(shards)
    jobs = _jobs(plan.batches, shards)
    needed = {position: place + 1 for place, job in enumerate(jobs) for position in job.served}
    report = _TokenCount(plan.batches, jobs, progress)
    on_host = _computes_here(plan.model)
    in_flight = 1 if on_host else IN_FLIGHT
    taps = taps_of(plan.sites.sites)
    blocks: dict[int, np.ndarray] = {}
    halved: set[int] = set()
    under_way: deque[tuple[_Job, Future[None]]] = deque()
    buffers = _Buffers(in_flight)

    def launch(job: _Job) -> None:
        while len(under_way) >= in_flight:
            land()
        states, smaller = in_halves_if_needed(reader, _asked(plan.records, job.batch))
        halved.update(job.served if smaller else ())
        there = (lambda: states) if on_host else buffers.fetch(states)
        under_way.append((job, placer.submit(_place, there, job.batch, list(targets(job)))))

    def land() -> None:
        job, placed = under_way.popleft()
        placed.result()
        report(job.batch.tokens)

    def targets(job: _Job) -> Iterator[tuple[range, np.ndarray]]:
        for position in job.served:
            rows = plan.batches.rows(shards[position])
            if position not in blocks:
                blocks[position] = np.empty((len(rows), len(taps), plan.model.n_units), dtype=np.float32)
            yield rows, blocks[position]

    with reading(plan.model.module, taps) as reader, ThreadPoolExecutor(1) as placer:
        launched = 0
        for position, shard in enumerate(shards):
            # Where the device computes while this program goes on, the next batch is under way before the shard
            # is handed over: what is done with it does not keep the device waiting.
            for job in jobs[launched : needed[position] + in_flight - 1]:
                launch(job)
                launched += 1
            while len(under_way) > launched - needed[position]:
                land()
            yield Computed(shard, blocks.pop(position), position in halved)


IN_FLIGHT = 2
"""Batches whose states are on their way at a time, where the device is not the one that this program runs on."""


@dataclass(frozen=True)
class _Job:
    """A batch, and the places of the shards that it fills among those that are asked for."""

    batch: Batch
    served: Sequence[int]


def _computes_here(model: LoadedModel) -> bool:
    """Whether a pass is over when its call returns, and its states are in the host's memory."""
    return model.device.type == "cpu"


def _jobs(plan: BatchPlan, shards: Sequence[int]) -> list[_Job]:
    """The batches that fill some shards, in order, each once for neighbours that it fills."""
    jobs: list[_Job] = []
    for position, shard in enumerate(shards):
        for place in plan.covering(shard):
            batch = plan.batches[place]
            if jobs and jobs[-1].batch == batch:
                jobs[-1] = _Job(batch, [*jobs[-1].served, position])
            else:
                jobs.append(_Job(batch, [position]))
    return jobs


def _asked(records: SampleTable, batch: Batch) -> list[Asked]:
    """What a batch asks of the model: each of its texts once, as long as the longest of its samples."""
    text = records.text[batch.start : batch.stop]
    begins = (batch.start + np.flatnonzero(np.diff(text, prepend=-1))).tolist()
    return [
        Asked(records.ids_of(first), records.n_tokens[first:stop] - 1)
        for first, stop in pairwise([*begins, batch.stop])
    ]


def _place(there: Callable[[], torch.Tensor], batch: Batch, targets: Sequence[tuple[range, np.ndarray]]) -> None:
    """Put the states (tap, row, unit) of a batch into the blocks of the shards that they are of, as float32."""
    states = there()
    for rows, block in targets:
        first, stop = max(rows.start, batch.start), min(rows.stop, batch.stop)
        own = states[:, first - batch.start : stop - batch.start].transpose(0, 1)
        torch.from_numpy(block[first - rows.start : stop - rows.start]).copy_(own)


class _Buffers:
    """Places in the host's memory that states are copied to while the device goes on; each is used in turn."""

    def __init__(self, n: int) -> None:
        self._buffers: list[torch.Tensor | None] = [None] * n
        self._next = 0

    def fetch(self, states: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Begin to copy; what is returned waits for the copy, which is overwritten after `n` further ones."""
        turn, self._next = self._next, (self._next + 1) % len(self._buffers)
        buffer = self._buffers[turn]
        if buffer is None or buffer.numel() < states.numel() or buffer.dtype != states.dtype:
            # Only from pinned memory does a CUDA device copy by itself.
            pinned = states.is_cuda
            buffer = self._buffers[turn] = torch.empty(states.numel(), dtype=states.dtype, pin_memory=pinned)
        copy = buffer[: states.numel()].view(states.shape)
        copy.copy_(states, non_blocking=states.is_cuda)
        if not states.is_cuda:
            return lambda: copy
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(states.device))

        def wait() -> torch.Tensor:
            copied.synchronize()
            return copy

        return wait


class _TokenCount:
    """Counts tokens towards the whole run, so that a resumed one starts where it was left."""

    def __init__(self, plan: BatchPlan, jobs: Sequence[_Job], progress: Progress | None) -> None:
        self.total = sum(batch.tokens for batch in plan.batches)
        self.done = self.total - sum(batch.tokens for batch in {job.batch for job in jobs})
        self.progress = progress

    def __call__(self, tokens: int) -> None:
        self.done = min(self.total, self.done + tokens)
        if self.progress is not None:
            self.progress(self.done, self.total)
