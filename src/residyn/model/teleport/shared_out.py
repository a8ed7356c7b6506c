"""Hosts of a teleport computed by workers: each is told one host and its targets, and gives back what to store."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from residyn import store
from residyn.crew import Crew, Rates, Refused, Work, at_work, shared_out, this_worker
from residyn.errors import ResidynError
from residyn.model.kind import kind_of
from residyn.model.layout import Layout
from residyn.model.loading import Recipe
from residyn.model.recipes import head_of, model_of, recipe_of, sites_of
from residyn.model.teleport.folder import JumpWriter, packed
from residyn.model.teleport.hosts import Hosts
from residyn.model.teleport.labels import label
from residyn.model.teleport.one_host import teleport_host
from residyn.model.teleport.plan import Residual, TeleportPlan
from residyn.model.teleport.targets import Targets
from residyn.store.kinds import check_kind


@dataclass(frozen=True)
class HostOrder:
    """A plan without its model, and with the targets of one host alone."""

    recipe: Recipe
    name: str
    title: str
    layout: Layout | None
    hosts: Hosts
    places: tuple[int, ...]
    targets: Targets
    position: Literal["last"] | int
    residual: Residual
    n_steps: int
    memory: int
    description: dict[str, Any]


class Moved(NamedTuple):
    """A host as it is stored, why it took full passes, and who computed it, in how many seconds."""

    content: bytes
    reason: str
    kind: store.Kind
    worker: str
    seconds: float


def by_workers(
    plan: TeleportPlan, writer: JumpWriter, crew: Crew, stop: Callable[[], bool], done: Callable[[int, str], None]
) -> None:
    """Let the workers of a crew compute the pending hosts, and store each as it comes; `done` is told of each.

    Raises as `shared_out` does, ModelError where the model cannot travel, and StoreError where workers are of more
    than one kind of machine and that is not allowed.
    """
    assert crew.engine is not None
    recipe, description, rates = recipe_of(plan.model, crew.gpus), plan.describe(), Rates()
    tasks = deque(
        Work(f"Host {host} of {writer.group}", (_order(plan, host, recipe, description), host))
        for host in writer.pending()
    )
    kinds: list[store.Kind] = []
    for work, moved in shared_out(crew.engine(), move_host, tasks, stop):
        host = work.arguments[1]
        if not crew.mixed:
            check_kind(writer.group, kinds, moved.kind, f"Host {host}, which {moved.worker} computed,")
        kinds.append(moved.kind)
        writer.put(host, moved.content)
        rates.add(moved.worker, plan.targets.n * len(plan.places), moved.seconds)
        done(host, moved.reason)
    if rates.seen:
        crew.say(rates.told("targets"))


def _order(plan: TeleportPlan, host: int, recipe: Recipe, description: dict[str, Any]) -> HostOrder:
    own = replace(plan.targets, values=np.ascontiguousarray(plan.targets.values[host])[None])
    return HostOrder(
        recipe=recipe,
        name=plan.model.name,
        title=plan.model.title,
        layout=plan.layout,
        hosts=plan.hosts,
        places=plan.places,
        targets=own,
        position=plan.position,
        residual=plan.residual,
        n_steps=plan.n_steps,
        memory=plan.memory,
        description=description,
    )


def move_host(order: HostOrder, host: int) -> Moved | Refused:
    """Compute one host: what a worker does."""
    try:
        with at_work():
            return _move_host(order, host)
    except ResidynError as error:
        return Refused(error)


def _move_host(order: HostOrder, host: int) -> Moved:
    began = time.perf_counter()
    one = order.targets.values
    # The other hosts' targets are not read: the one's stand in their places and take no memory.
    targets = replace(order.targets, values=np.broadcast_to(one, (len(order.hosts), *one.shape[1:])))
    whole, no_head = head_of(order.recipe)
    plan = TeleportPlan(
        model=replace(model_of(order.recipe), name=order.name, title=order.title),
        sites=sites_of(order.recipe, order.layout),
        hosts=order.hosts,
        places=order.places,
        targets=targets,
        position=order.position,
        residual=order.residual,
        n_steps=order.n_steps,
        memory=order.memory,
        whole=whole,
        no_head=no_head,
    )
    if lines := store.differing(order.description, plan.describe()):
        raise store.OtherSettings(
            f"{this_worker()} should teleport with the model {order.name}, and made another one",
            lines,
            "Let every worker see the same files and have the same versions installed.",
        )
    found = teleport_host(plan, host, lambda targets: None)
    content = packed(label(plan, host, found))
    return Moved(content, found.reason, kind_of(plan.model), this_worker(), time.perf_counter() - began)
