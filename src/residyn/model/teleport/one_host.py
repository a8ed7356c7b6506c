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
from residyn.model.teleport.passes import PassPlan, PassRecord
from residyn.model.teleport.plan import TeleportPlan
from residyn.model.teleport.prediction import change
from residyn.model.teleport.rows import PlaceTargets, plan_rows
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
class HostResult:
    """What became of one host: see `teleport` for what the arrays hold. `reason` says why it took full passes.

    states   (injected, target, step, unit), float32
    control  (sublayer, unit), float32
    kl, top1_changed   (injected, target); None where the model has no head at hand
    ends     (injected, target, unit), behind the last block; None unless the plan asks for them
    """

    states: np.ndarray
    control: np.ndarray
    kl: np.ndarray | None
    top1_changed: np.ndarray | None
    path: Path
    reason: str
    errors: dict[str, float]
    ends: np.ndarray | None = None


def teleport_host(plan: TeleportPlan, host: int, report: Report, begun: shared.Start | None = None) -> HostResult:
    """Run every place and target of a host, whose plain pass may have `begun`.

    Raises ModelError, DataError, ResourceError.
    """
    try:
        return _teleported(plan, host, report, begun or start(plan, host))
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not hooks.out_of_memory(error):
            raise
        raise ResourceError(
            f"Memory ran out in the teleports of host {host} ({plan.hosts.samples[host].n_tokens} tokens). Give a "
            f"smaller memory= than {plan.memory:,} bytes, a shorter host, or load the model as bfloat16."
        ) from error


def start(plan: TeleportPlan, host: int) -> shared.Start:
    """The plain pass of a host, from which any teleports of its last token can go on."""
    return shared.start(plan.model.module, plan.sites, _ids(plan, host), plan.model.attention)


def _ids(plan: TeleportPlan, host: int) -> torch.Tensor:
    return torch.tensor([plan.hosts.samples[host].input_ids], device=plan.model.module.device)


def _teleported(plan: TeleportPlan, host: int, report: Report, begun: shared.Start) -> HostResult:
    ids = _ids(plan, host)
    if begun.prefix is not None:
        try:
            return _gather(plan, _beside_prefix(plan, host, begun, ids), "shared prefix", "", report)
        except shared.Unsuited as unsuited:
            reason = str(unsuited)
    else:
        reason = begun.reason
    return _gather(plan, _in_full(plan, host, begun, ids), "full pass", reason, report)


Passed = tuple[PassRecord, torch.Tensor | None]


def _beside_prefix(plan: TeleportPlan, host: int, begun: shared.Start, ids: torch.Tensor) -> Iterator[Passed]:
    """Every pass, proved as it goes. Raises Unsuited where a row that must be the control is not."""
    for groups in plan_rows(plan.places, plan.targets.n, plan.most_rows(ids.shape[1], full=False)):
        planned = _planned(plan, host, groups, spare=True)
        record, logits = shared.run_pass(plan.model.module, plan.whole, planned, begun, ids[:, -1:])
        _compare(record, begun)
        if said := failing(record.errors, plan.model.dtype, (CONTROL, NO_OP)):
            raise shared.Unsuited(said)
        yield record, logits


def _in_full(plan: TeleportPlan, host: int, begun: shared.Start, ids: torch.Tensor) -> Iterator[Passed]:
    for groups in plan_rows(plan.places, plan.targets.n, plan.most_rows(ids.shape[1], full=True)):
        planned = _planned(plan, host, groups, spare=False)
        record, logits = whole.run_pass(plan.model.module, plan.whole, planned, ids)
        _compare(record, begun)
        refuse(record.errors, plan.model.dtype, plan.model.name, (CONTROL,))
        yield record, logits


def _planned(plan: TeleportPlan, host: int, groups: tuple[PlaceTargets, ...], *, spare: bool) -> PassPlan:
    vectors = tuple(
        torch.tensor(plan.targets.values[host, group.place, group.first : group.stop]).to(
            device=plan.model.module.device, dtype=plan.model.dtype
        )
        for group in groups
    )
    return PassPlan(
        plan.sites, groups, vectors, plan.n_steps, added=plan.residual == "keep", spare=spare, ends=plan.ends
    )


def _compare(record: PassRecord, begun: shared.Start) -> None:
    record.errors = merged(record.errors, {CONTROL: largest(record.control - begun.states, begun.states)})


def _gather(plan: TeleportPlan, passes: Iterator[Passed], path: Path, reason: str, report: Report) -> HostResult:
    shape = (len(plan.places), plan.targets.n)
    states = np.full((*shape, plan.n_steps + 1, plan.model.n_units), np.nan, dtype=np.float32)
    kl = np.full(shape, np.nan) if plan.whole else None
    top1 = np.zeros(shape, dtype=bool) if plan.whole else None
    ends = np.full((*shape, plan.model.n_units), np.nan, dtype=np.float32) if plan.ends else None
    control: np.ndarray | None = None
    errors: dict[str, float] = {}
    for record, logits in passes:
        record.verify()
        refuse(record.errors, plan.model.dtype, plan.model.name, (LANDING, SUM, UPSTREAM))
        errors = merged(errors, record.errors)
        # All passes have a control, equal to rounding; one of them has to stand for all.
        control = record.control.numpy() if control is None else control
        for index, (group, rows) in enumerate(zip(record.planned.groups, record.planned.rows(), strict=True)):
            own = (group.place, slice(group.first, group.stop))
            states[own] = record.states[index].numpy()
            if ends is not None:
                ends[own] = record.ends[index].numpy()
            if logits is not None and kl is not None and top1 is not None:
                divergences, changed = change(logits[0], logits[rows])
                kl[own], top1[own] = divergences.numpy(), changed.numpy()
            report(group.n)
    assert control is not None
    return HostResult(states, control, kl, top1, path, reason, errors, ends)
