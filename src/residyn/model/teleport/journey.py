"""All targets of one host: beside a shared prefix where the model allows it, else by full passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from residyn.errors import ResourceError
from residyn.model import hooks
from residyn.model.teleport import shared, whole
from residyn.model.teleport.flight import Flight, Task
from residyn.model.teleport.job import Job
from residyn.model.teleport.prediction import change
from residyn.model.teleport.rows import Group, plan_rows
from residyn.model.teleport.tolerance import (
    CONTROL,
    LANDING,
    NO_OP,
    SUM,
    UPSTREAM,
    failing,
    largest,
    merged,
    refuse,
)

Path = Literal["shared prefix", "full pass"]
Report = Callable[[int], None]


@dataclass(frozen=True)
class Travelled:
    """What became of one host: see `teleport` for what the arrays hold. `reason` says why it took full passes.

    states   (injected, target, step, unit), float32
    control  (sublayer, unit), float32
    kl, top1_changed   (injected, target); None where the model has no head at hand
    """

    states: np.ndarray
    control: np.ndarray
    kl: np.ndarray | None
    top1_changed: np.ndarray | None
    path: Path
    reason: str
    errors: dict[str, float]


def travel(job: Job, host: int, report: Report) -> Travelled:
    """Run every place and target of a host. Raises ModelError, DataError, ResourceError."""
    try:
        return _travel(job, host, report)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not hooks.out_of_memory(error):
            raise
        raise ResourceError(
            f"Memory ran out in the teleports of host {host} ({job.hosts.samples[host].n_tokens} tokens). Give a "
            f"smaller memory= than {job.memory:,} bytes, a shorter host, or load the model as bfloat16."
        ) from error


def _travel(job: Job, host: int, report: Report) -> Travelled:
    ids = torch.tensor([job.hosts.samples[host].input_ids], device=job.model.module.device)
    begun = shared.start(job.model.module, job.sites, ids, job.model.attention)
    if begun.prefix is not None:
        try:
            return _gather(job, _beside_prefix(job, host, begun, ids), "shared prefix", "", report)
        except shared.Unsuited as unsuited:
            reason = str(unsuited)
    else:
        reason = begun.reason
    return _gather(job, _in_full(job, host, begun, ids), "full pass", reason, report)


Flown = tuple[Flight, torch.Tensor | None]


def _beside_prefix(job: Job, host: int, begun: shared.Start, ids: torch.Tensor) -> Iterator[Flown]:
    """Every pass, proved as it goes. Raises Unsuited where a row that must be the control is not."""
    for groups in plan_rows(job.places, job.targets.n, job.most_rows(ids.shape[1], full=False)):
        task = _task(job, host, groups, spare=True)
        flight, logits = shared.fly(job.model.module, job.whole, task, begun, ids[:, -1:])
        _compare(flight, begun)
        if said := failing(flight.errors, job.model.dtype, (CONTROL, NO_OP)):
            raise shared.Unsuited(said)
        yield flight, logits


def _in_full(job: Job, host: int, begun: shared.Start, ids: torch.Tensor) -> Iterator[Flown]:
    for groups in plan_rows(job.places, job.targets.n, job.most_rows(ids.shape[1], full=True)):
        task = _task(job, host, groups, spare=False)
        flight, logits = whole.fly(job.model.module, job.whole, task, ids)
        _compare(flight, begun)
        refuse(flight.errors, job.model.dtype, job.model.name, (CONTROL,))
        yield flight, logits


def _task(job: Job, host: int, groups: tuple[Group, ...], *, spare: bool) -> Task:
    vectors = tuple(
        torch.tensor(job.targets.values[host, group.place, group.first : group.stop]).to(
            device=job.model.module.device, dtype=job.model.dtype
        )
        for group in groups
    )
    return Task(job.sites, groups, vectors, job.n_steps, added=job.residual == "keep", spare=spare)


def _compare(flight: Flight, begun: shared.Start) -> None:
    flight.errors = merged(flight.errors, {CONTROL: largest(flight.control - begun.states, begun.states)})


def _gather(job: Job, flights: Iterator[Flown], path: Path, reason: str, report: Report) -> Travelled:
    shape = (len(job.places), job.targets.n)
    states = np.full((*shape, job.n_steps + 1, job.model.n_units), np.nan, dtype=np.float32)
    kl = np.full(shape, np.nan) if job.whole else None
    top1 = np.zeros(shape, dtype=bool) if job.whole else None
    control: np.ndarray | None = None
    errors: dict[str, float] = {}
    for flight, logits in flights:
        flight.verify()
        refuse(flight.errors, job.model.dtype, job.model.name, (LANDING, SUM, UPSTREAM))
        errors = merged(errors, flight.errors)
        # All passes have a control, equal to rounding; one of them has to stand for all.
        control = flight.control.numpy() if control is None else control
        for group, rows, reached in zip(flight.task.groups, flight.task.rows(), flight.states, strict=True):
            own = (group.place, slice(group.first, group.stop))
            states[own] = reached.numpy()
            if logits is not None and kl is not None and top1 is not None:
                divergences, changed = change(logits[0], logits[rows])
                kl[own], top1[own] = divergences.numpy(), changed.numpy()
            report(group.n)
    assert control is not None
    return Travelled(states, control, kl, top1, path, reason, errors)
