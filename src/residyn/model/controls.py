"""What a run is compared with: other weights on its texts, its model on other tokens, the same in other batches.

Each control is a plan of its own, on some of the run's samples, and is captured as the run was. What it reads is
decided by the run's records alone, and can be compared with what is stored before any model is loaded. Samples
keep their labels, so that a control and its run are paired by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from residyn import store
from residyn.errors import UsageError
from residyn.model.batches import plan_batches
from residyn.model.capture_plan import CapturePlan
from residyn.model.check import find_sites
from residyn.model.layout import Layout
from residyn.model.loading import LoadedModel, permuted, untrained
from residyn.model.texts.positions import draw_of, drawn_length
from residyn.model.texts.samples import hash_of
from residyn.store import SampleTable

LEAST_SAMPLES = 50
TOGETHER = 8
"""Most texts of one length that are drawn together: more would leave few lengths in a small share."""
NOISE_SAMPLES = 16


@dataclass(frozen=True)
class ControlReading:
    """What a control reads and how: all that is known of it before a model is loaded.

    `records` are those of the run's samples, with the tokens that the control reads; `control` says what was done
    to them; `position` and `batch_tokens` are the run's own where they are not given.
    """

    records: SampleTable
    control: str
    position: str = ""
    batch_tokens: int = 0

    def settings(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the control's plan, from those of the run's."""
        hashed = hash_of(self.records.ids_of(row) for row in range(len(self.records)))
        own = {"sha256": hashed, "n": len(self.records), "control": self.control}
        return {**run, **own, **({"position": self.position} if self.position else {})}


def chosen_records(records: SampleTable, share: float, seed: int) -> SampleTable:
    """The samples of a seeded share of a run's texts, at least `LEAST_SAMPLES` texts or all, in the run's order.

    Texts of one length are drawn together, up to `TOGETHER` at a time: where nothing may be padded, they go
    through the model in one batch, as they did in the run, where texts drawn one by one would nearly all go
    alone. Each is about as likely as any. Raises UsageError for a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"Controls are captured on a share of the samples above 0 and at most 1; got {share!r}.")
    firsts = records.text_rows
    n = len(firsts)
    wanted = min(n, max(LEAST_SAMPLES, math.ceil(share * n)))
    rng = np.random.default_rng(seed)
    lengths = records.n_tokens[firsts]
    sets = []
    for alike in np.split(np.arange(n), np.flatnonzero(np.diff(lengths)) + 1):
        sets += np.array_split(rng.permutation(alike), math.ceil(len(alike) / TOGETHER))
    drawn = np.concatenate([sets[place] for place in rng.permutation(len(sets))])[:wanted]
    return records.take(np.flatnonzero(np.isin(records.text, records.text[firsts[drawn]])))


def untrained_plan(
    plan: CapturePlan, records: SampleTable, model: LoadedModel, seed: int, layout: Layout | None
) -> CapturePlan:
    """The same tokens through the untrained twin of a model; its sites are proved on its own weights.

    Raises as `untrained` and `find_sites` do.
    """
    twin = untrained(model, seed)
    return replace(plan_for(plan, same_tokens(records)), model=twin, sites=find_sites(twin, layout))


def permuted_plan(plan: CapturePlan, records: SampleTable, model: LoadedModel, seed: int) -> CapturePlan:
    """The same tokens through a copy of the model whose weights are permuted.

    Its modules are the model's own, and so are the sites, which were proved there. A sample whose states are not
    finite refuses the control, whatever is done with those of the run: without it, all that is compared with the
    run would lack the sample. Raises as `permuted` does.
    """
    own = plan_for(plan, permuted_weights(records, seed))
    return replace(own, model=permuted(model, seed), on_nonfinite="refuse")


def permuted_weights(records: SampleTable, seed: int) -> ControlReading:
    """The texts as the run read them, for the model with permuted weights."""
    return ControlReading(records, f"weights permuted, seed {seed}")


def same_tokens(records: SampleTable) -> ControlReading:
    """The texts as the run read them: for another model."""
    return ControlReading(records, "same tokens")


def shuffled_tokens(records: SampleTable, n_before: int, seed: int) -> ControlReading:
    """The tokens of each text in a random order, the `n_before` that stand in front of every text left in place.

    The order depends on the seed and the text alone. The last token, too, is a random one of the text's.
    """
    ids = records.ids.copy()
    for text in np.unique(records.text):
        start, stop = records.offsets[text] + n_before, records.offsets[text + 1]
        order = np.random.default_rng(draw_of(seed, records.sources[text].sha256)).permutation(stop - start)
        ids[start:stop] = ids[start + order]
    return ControlReading(replace(records, ids=ids), f"tokens shuffled, seed {seed}")


def random_positions(records: SampleTable, n_before: int, seed: int) -> ControlReading:
    """Each text cut after one of its tokens, drawn as for the position "random"."""
    drawn = [
        n_before + drawn_length(int(n_tokens) - n_before, seed, records.sources[text].sha256)
        for n_tokens, text in zip(records.n_tokens, records.text, strict=True)
    ]
    cut = replace(records, n_tokens=np.array(drawn, dtype=np.int64))
    return ControlReading(cut, f"cut at a random token, seed {seed}", position="random")


def other_batches(records: SampleTable) -> ControlReading:
    """The same tokens, each text in a batch of its own: what differs is the arithmetic's rounding.

    Of at most `NOISE_SAMPLES` texts, spread over the lengths: few are as long as the longest, which may have had a
    batch of their own before.
    """
    rows = np.linspace(0, len(records) - 1, min(NOISE_SAMPLES, len(records))).round().astype(int)
    return ControlReading(records.take(rows), "one text a batch", batch_tokens=1)


def plan_for(plan: CapturePlan, reading: ControlReading) -> CapturePlan:
    """The plan of a control of a run's plan: its records in the order and the batches of a plan of their own."""
    records, sites, units = reading.records, plan.sites.sites, plan.model.n_units
    own = plan.batches.rules
    rules = replace(
        own,
        batch_tokens=reading.batch_tokens or own.batch_tokens,
        rows_per_shard=store.samples_per_shard(len(records), len(sites), units),
    )
    batches = plan_batches(records.n_tokens, rules, records.text)
    ordered = records.take(batches.order)
    settings, texts = reading.settings(plan.settings), f"{plan.texts} ({reading.control})"
    return replace(plan, records=ordered, settings=settings, texts=texts, batches=batches)
