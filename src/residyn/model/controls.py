"""What a run is compared with: other models on its texts, its model on other tokens, the same in other batches.

Each control is a job of its own, on some of the run's samples, and is captured as the run was. Samples keep their
labels, so that a control and its run are paired by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from residyn import store
from residyn.errors import UsageError
from residyn.model.capture import Job
from residyn.model.check import find_sites
from residyn.model.loading import LoadedModel, untrained
from residyn.model.plan import plan_batches
from residyn.model.sites import Layout
from residyn.model.texts.samples import Sample, draw_of, drawn_length, hash_of

LEAST_SAMPLES = 50
NOISE_SAMPLES = 32

Records = Sequence[Mapping[str, Any]]


def chosen_records(job: Job, share: float, seed: int) -> list[Mapping[str, Any]]:
    """The records of a seeded share of the run's samples, at least `LEAST_SAMPLES` or all, in the run's order.

    Raises UsageError for a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"Controls are captured on a share of the samples above 0 and at most 1; got {share!r}.")
    n = len(job.records)
    wanted = min(n, max(LEAST_SAMPLES, math.ceil(share * n)))
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:wanted])
    return [job.records[row] for row in rows]


def of_twin(job: Job, records: Records, model: LoadedModel, seed: int, layout: Layout | None) -> Job:
    """The same tokens through the untrained twin of a model; its sites are proved on its own weights.

    Raises as `untrained` and `find_sites` do.
    """
    twin = untrained(model, seed)
    return replace(_control(job, records, "same tokens"), model=twin, sites=find_sites(twin, layout))


def shuffled_tokens(job: Job, records: Records, n_before: int, seed: int) -> Job:
    """The tokens of each text in a random order, the `n_before` that stand in front of every text left in place.

    The order depends on the seed and the text alone. The last token, too, is a random one of the text's.
    """
    made = []
    for record in records:
        ids = record["input_ids"]
        order = np.random.default_rng(draw_of(seed, record["sha256"])).permutation(len(ids) - n_before)
        made.append(_with_ids(record, [*ids[:n_before], *(ids[n_before + place] for place in order)]))
    return _control(job, made, f"tokens shuffled, seed {seed}")


def random_positions(job: Job, records: Records, n_before: int, seed: int) -> Job:
    """Each text cut after one of its tokens, drawn as for the position "random"."""
    made = []
    for record in records:
        ids = record["input_ids"]
        length = drawn_length(len(ids) - n_before, seed, record["sha256"])
        made.append(_with_ids(record, ids[: n_before + length]))
    return _control(job, made, f"cut at a random token, seed {seed}", position="random")


def other_batches(job: Job, records: Records) -> Job:
    """The same tokens, each text in a batch of its own: what differs is the arithmetic's rounding.

    Of at most `NOISE_SAMPLES` texts, spread over the lengths: few are as long as the longest, which may have had a
    batch of their own before.
    """
    rows = np.linspace(0, len(records) - 1, min(NOISE_SAMPLES, len(records))).round().astype(int)
    return _control(job, [records[row] for row in rows], "one text a batch", batch_tokens=1)


def _control(job: Job, records: Records, control: str, *, position: str = "", batch_tokens: int = 0) -> Job:
    """A job of these records, in the order and the batches of a plan of their own."""
    sites, units = job.sites.sites, job.model.n_units
    plan = plan_batches(
        [record["n_tokens"] for record in records],
        store.samples_per_shard(len(records), len(sites), units),
        batch_tokens or job.plan.batch_tokens,
    )
    ordered = tuple(records[row] for row in plan.order)
    hashed = hash_of(Sample(tuple(record["input_ids"]), 0, "") for record in records)
    settings = {**job.settings, "sha256": hashed, "n": len(records), "control": control}
    settings |= {"position": position} if position else {}
    return replace(job, records=ordered, settings=settings, texts=f"{job.texts} ({control})", plan=plan)


def _with_ids(record: Mapping[str, Any], ids: list[int]) -> dict[str, Any]:
    return {**record, "input_ids": ids, "n_tokens": len(ids), "last_token": ids[-1]}
