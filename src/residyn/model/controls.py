"""What a run is compared with: other weights on its texts, its model on other tokens, the same in other batches.

Each control is a plan of its own, on some of the run's samples, and is captured as the run was. What it reads is
decided by the run's records alone, and can be compared with what is stored before any model is loaded. Samples
keep their labels, so that a control and its run are paired by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from residyn import store
from residyn.errors import UsageError
from residyn.model.batches import plan_batches
from residyn.model.capture_plan import CapturePlan
from residyn.model.check import find_sites
from residyn.model.layout import Layout
from residyn.model.loading import LoadedModel, permuted, untrained
from residyn.model.texts.samples import Sample, draw_of, drawn_length, hash_of

LEAST_SAMPLES = 50
TOGETHER = 8
"""Most texts of one length that are drawn together: more would leave few lengths in a small share."""
NOISE_SAMPLES = 16

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Reading:
    """What a control reads and how: all that is known of it before a model is loaded.

    `records` are those of the run's samples, with the tokens that the control reads; `control` says what was done
    to them; `position` and `batch_tokens` are the run's own where they are not given.
    """

    records: Records
    control: str
    position: str = ""
    batch_tokens: int = 0

    def settings(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the control's plan, from those of the run's."""
        hashed = hash_of(Sample(tuple(record["input_ids"]), 0, "") for record in self.records)
        own = {"sha256": hashed, "n": len(self.records), "control": self.control}
        return {**run, **own, **({"position": self.position} if self.position else {})}


def chosen_records(records: Records, share: float, seed: int) -> list[Mapping[str, Any]]:
    """A seeded share of the records of a run, at least `LEAST_SAMPLES` or all, in the run's order.

    Texts of one length are drawn together, up to `TOGETHER` at a time: they go through the model in one batch, as
    they did in the run, where texts drawn one by one would nearly all go alone. Each is about as likely as any.
    Raises UsageError for a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"Controls are captured on a share of the samples above 0 and at most 1; got {share!r}.")
    n = len(records)
    wanted = min(n, max(LEAST_SAMPLES, math.ceil(share * n)))
    rng = np.random.default_rng(seed)
    sets = []
    for _, alike in groupby(range(n), key=lambda row: records[row]["n_tokens"]):
        rows = rng.permutation(list(alike))
        sets += np.array_split(rows, math.ceil(len(rows) / TOGETHER))
    drawn = np.concatenate([sets[place] for place in rng.permutation(len(sets))])[:wanted]
    return [records[row] for row in np.sort(drawn)]


def of_twin(
    plan: CapturePlan, records: Records, model: LoadedModel, seed: int, layout: Layout | None
) -> CapturePlan:
    """The same tokens through the untrained twin of a model; its sites are proved on its own weights.

    Raises as `untrained` and `find_sites` do.
    """
    twin = untrained(model, seed)
    return replace(plan_for(plan, same_tokens(records)), model=twin, sites=find_sites(twin, layout))


def of_permuted(plan: CapturePlan, records: Records, model: LoadedModel, seed: int) -> CapturePlan:
    """The same tokens through a copy of the model whose weights are permuted.

    Its modules are the model's own, and so are the sites, which were proved there. A sample whose states are not
    finite refuses the control, whatever is done with those of the run: without it, all that is compared with the
    run would lack the sample. Raises as `permuted` does.
    """
    own = plan_for(plan, permuted_weights(records, seed))
    return replace(own, model=permuted(model, seed), on_nonfinite="refuse")


def permuted_weights(records: Records, seed: int) -> Reading:
    """The texts as the run read them, for the model with permuted weights."""
    return Reading(records, f"weights permuted, seed {seed}")


def same_tokens(records: Records) -> Reading:
    """The texts as the run read them: for another model."""
    return Reading(records, "same tokens")


def shuffled_tokens(records: Records, n_before: int, seed: int) -> Reading:
    """The tokens of each text in a random order, the `n_before` that stand in front of every text left in place.

    The order depends on the seed and the text alone. The last token, too, is a random one of the text's.
    """
    made = []
    for record in records:
        ids = record["input_ids"]
        order = np.random.default_rng(draw_of(seed, record["sha256"])).permutation(len(ids) - n_before)
        made.append(_with_ids(record, [*ids[:n_before], *(ids[n_before + place] for place in order)]))
    return Reading(made, f"tokens shuffled, seed {seed}")


def random_positions(records: Records, n_before: int, seed: int) -> Reading:
    """Each text cut after one of its tokens, drawn as for the position "random"."""
    made = []
    for record in records:
        ids = record["input_ids"]
        length = drawn_length(len(ids) - n_before, seed, record["sha256"])
        made.append(_with_ids(record, ids[: n_before + length]))
    return Reading(made, f"cut at a random token, seed {seed}", position="random")


def other_batches(records: Records) -> Reading:
    """The same tokens, each text in a batch of its own: what differs is the arithmetic's rounding.

    Of at most `NOISE_SAMPLES` texts, spread over the lengths: few are as long as the longest, which may have had a
    batch of their own before.
    """
    rows = np.linspace(0, len(records) - 1, min(NOISE_SAMPLES, len(records))).round().astype(int)
    return Reading([records[row] for row in rows], "one text a batch", batch_tokens=1)


def plan_for(plan: CapturePlan, reading: Reading) -> CapturePlan:
    """The plan of a control of a run's plan: its records in the order and the batches of a plan of their own."""
    records, sites, units = reading.records, plan.sites.sites, plan.model.n_units
    batches = plan_batches(
        [record["n_tokens"] for record in records],
        store.samples_per_shard(len(records), len(sites), units),
        reading.batch_tokens or plan.batches.batch_tokens,
    )
    ordered = tuple(records[row] for row in batches.order)
    settings, texts = reading.settings(plan.settings), f"{plan.texts} ({reading.control})"
    return replace(plan, records=ordered, settings=settings, texts=texts, batches=batches)


def _with_ids(record: Mapping[str, Any], ids: list[int]) -> dict[str, Any]:
    return {**record, "input_ids": ids, "n_tokens": len(ids), "last_token": ids[-1]}
