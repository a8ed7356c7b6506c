"""What a worker is told of a capture, so that it can compute shards of it for itself, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

from residyn import store
from residyn.crew import this_worker
from residyn.model.capture_plan import CapturePlan, plan_from
from residyn.model.layout import Layout
from residyn.model.loading import Recipe
from residyn.model.recipes import model_of, sites_of

_TASKS_WANTED = 64
_MOST_SHARDS = 8
_BATCHES_A_TASK = 4


@dataclass(frozen=True)
class Order:
    """A run's folder, its manifest, and how its model is made.

    A worker that sees the file `nonce` in the folder of staged shards has the run's disk: it reads the rows there,
    and stages what it computes. Another one gets the `records`, and gives back the bytes.
    """

    run: str
    nonce: str
    manifest: store.Manifest
    recipe: Recipe
    layout: Layout | None
    on_nonfinite: Literal["refuse", "drop"]
    records: store.SampleTable | None = None


class Staged(NamedTuple):
    """A computed shard: its receipt, its bytes where they are not on the run's disk, and who computed it."""

    receipt: store.Receipt
    content: bytes | None
    worker: str


_plans: dict[tuple[Any, ...], CapturePlan] = {}


def plan_of_order(order: Order) -> CapturePlan:
    """The plan of a run, made once a process; its model is the run's, with the same sites.

    Raises as `load_model` and `find_sites` do, and StoreError where the model or its sites are others than those
    of the run.
    """
    key = (order.manifest.fingerprint, order.recipe, order.layout, order.on_nonfinite)
    if key not in _plans:
        # Of a run of controls there are many, one after the other.
        _plans.clear()
        _plans[key] = _checked_plan(order)
    return _plans[key]


def _checked_plan(order: Order) -> CapturePlan:
    manifest, records = order.manifest, order.records
    if records is None:
        records = store.read_samples(Path(order.run), sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    sites = sites_of(order.recipe, order.layout)
    plan = plan_from(manifest, records, model_of(order.recipe), sites, order.on_nonfinite, layout=order.layout)
    if lines := store.differing(manifest.description, store.plain(plan.describe())):
        raise store.OtherSettings(
            f"{this_worker()} should compute with the model of {order.run}, and made another one of "
            f"{order.recipe.model}",
            lines,
            "Let every worker see the same files and have the same versions installed.",
        )
    return plan


def in_ranges(shards: Sequence[int], least: int = 1) -> Iterator[list[int]]:
    """Shards in runs of neighbours, each a task: short ones, so that all workers have some to the end.

    `least` is how many a task should have where there are so many neighbours.
    """
    most = min(_MOST_SHARDS, max(least, len(shards) // _TASKS_WANTED))
    run: list[int] = []
    for shard in shards:
        if run and (len(run) == most or shard != run[-1] + 1):
            yield run
            run = []
        run.append(shard)
    if run:
        yield run


def part_of(tokens: Sequence[int], number: int, parts: int) -> range:
    """The shards of one of several parts: neighbours, and in every part about as many tokens.

    `tokens` are those of each shard. Every shard is in one part, and a part may have none.
    """
    ends = [0]
    done, whole = 0, sum(tokens)
    for shard, size in enumerate(tokens):
        # The middle of a shard says which part it is in.
        while len(ends) <= (done + size / 2) * parts / whole and len(ends) < parts:
            ends.append(shard)
        done += size
    ends += [len(tokens)] * (parts + 1 - len(ends))
    return [range(start, stop) for start, stop in pairwise(ends)][number]


def shards_a_task(plan: CapturePlan) -> int:
    """How many shards a task should have: a batch at its ends may be computed for its neighbours too."""
    batches = len(plan.batches.batches) / plan.batches.n_shards
    return math.ceil(_BATCHES_A_TASK / batches)


def tokens_of(plan: CapturePlan) -> list[int]:
    """About how many tokens go through the model for each shard: of each batch, the shard's share of its rows."""
    shares = []
    for shard in range(plan.batches.n_shards):
        rows = plan.batches.rows(shard)
        covering = [plan.batches.batches[place] for place in plan.batches.covering(shard)]
        own = ((min(rows.stop, one.stop) - max(rows.start, one.start), one) for one in covering)
        shares.append(round(sum(n / (one.stop - one.start) * one.tokens for n, one in own)))
    return shares


def named(shards: Sequence[int], run: str | Path) -> str:
    """What messages call some neighbouring shards."""
    shown = f"Shard {shards[0]}" if len(shards) == 1 else f"Shards {shards[0]} to {shards[-1]}"
    return f"{shown} of {run}"
