"""Texts → states in a run directory: the plan's batches through the model, one shard at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.errors import DataError, Interrupted
from residyn.model.check import taps_of
from residyn.model.forward import in_halves_if_needed
from residyn.model.interrupts import asked_to_stop
from residyn.model.job import Job, prepare
from residyn.model.loading import LoadedModel
from residyn.model.plan import Plan
from residyn.model.texts import Samples, Texts
from residyn.schema import label_states

Progress = Callable[[int, int], None]
HALVED = (
    "A batch did not fit into memory and was halved: the run is not bit-reproducible. "
    "A lower --batch-tokens makes it so."
)


def capture(
    model: LoadedModel,
    texts: Texts | Samples | Iterable[str],
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> xr.DataArray:
    """The residual stream before attention and before the MLP of every layer, at each sample's last token.

    model: from `load_model`. texts: from `read_texts`, or strings, which are all taken as they are, or ready
    ids as `tokenize_texts` takes them. out: the run directory; a directory of the same run is resumed, and the
    result is bit-identical to an uninterrupted one. Without `out` the states stay in memory. progress: called with
    (tokens done, tokens in all). options: those of `prepare`.

    Returns states (sample, sublayer, unit), float32, in activation units; lazy where they are stored. Samples
    are in the order of the store, longest first, each labelled by its place among the texts:
    `states.sel(sample=3)` is the fourth text, and `states.sortby("sample")` puts all in the order of the texts.
    Parallel blocks have one state a layer, of site "block". Source: the paper's panel A.

    Raises UsageError, ModelError or DataError before any long work; StoreError for a directory of other
    settings; DataError where a state is not finite; Interrupted after the shard in hand, on Ctrl-C.
    """
    if out is not None:
        store.check_target(out)
    job, samples = prepare(model, texts, **options)
    for warning in samples.warnings:
        warnings.warn(warning, stacklevel=2)
    if out is None:
        return capture_in_memory(job, progress)
    job.create(out)
    for warning in capture_to(job, out, progress):
        warnings.warn(warning, stacklevel=2)
    return store.open_states(out)


def capture_in_memory(job: Job, progress: Progress | None = None) -> xr.DataArray:
    """`capture` without a run directory."""
    report = _Report(job.plan, range(len(job.plan.shards)), progress)
    blocks = [_block(job, shard, report)[0] for shard in range(len(job.plan.shards))]
    states = np.concatenate(blocks)
    finite = np.asarray(np.isfinite(states).all(axis=(1, 2)))
    if job.on_nonfinite == "refuse" or not finite.any():
        _refuse_nonfinite(states, job)
    attrs: dict[str, Any] = {}
    if not finite.all():
        attrs["dropped"] = f"{np.count_nonzero(~finite)} of {len(states)} samples: their states are not finite"
        states = states[finite]
    sample, coordinates = store.coordinates([job.records[row] for row in np.flatnonzero(finite)])
    distinct, tied = store.last_token_ties(coordinates["last_token"])
    attrs |= {
        "model": job.model.name,
        "capture_dtype": job.capture_dtype,
        "distinct_last_tokens": distinct,
        "tie_fraction": tied,
        "sites": job.sites.to_json(),
        **job.labels,
    }
    return label_states(states, job.sites.sublayers, sample=sample, sample_coords=coordinates, attrs=attrs)


def _refuse_nonfinite(states: np.ndarray, job: Job) -> None:
    bad = np.argwhere(~np.isfinite(states))
    if len(bad):
        row, sublayer, _ = bad[0]
        raise DataError(
            f"Sample {job.records[row]['sample']} has non-finite states, first at sublayer "
            f"{job.sites.sublayers[sublayer].label}. float16 overflows: use float32 or bfloat16; or go on "
            'without such samples by on_nonfinite="drop".'
        )


def capture_to(job: Job, out: str | Path, progress: Progress | None = None) -> list[str]:
    """Fill the job's run directory from where it was left; returns what its provenance should warn of.

    Raises DataError where a state is not finite, ResourceError where memory or disk is full, StoreError where
    another process has the run or the model does not give the states that are stored, Interrupted after the
    shard in hand where the user asked to stop.
    """
    notes: list[str] = []
    job.check_stored(out)
    with store.open_writer(out) as writer, asked_to_stop() as stop, ThreadPoolExecutor(1) as committer:
        pending = writer.pending
        report = _Report(job.plan, pending, progress)
        # One shard is compressed, flushed and hashed while the model computes the next: on a fast device the
        # disk would otherwise take as long as the passes. At most two shards are in memory.
        committed: Future[list[int]] | None = None
        for left, shard in zip(reversed(range(len(pending))), pending, strict=True):
            block, halved = _block(job, shard, report)
            if halved and not notes:
                notes.append(HALVED)
                # Before the shard is stored: whatever ends this process, what made the states stays told.
                store.record_warnings(out, notes)
            if committed:
                committed.result()
            committed = committer.submit(writer.commit, shard, block, drop_nonfinite=job.on_nonfinite == "drop")
            if stop() and left:
                committed.result()
                raise Interrupted(
                    f"Stopped as asked: {len(job.plan.shards) - left} of {len(job.plan.shards)} shards of {out} "
                    "are stored. The same command goes on from there."
                )
        if committed:
            committed.result()
    notes += dropped(out)
    store.record_warnings(out, notes)
    return notes


def dropped(out: str | Path) -> list[str]:
    """What to warn of where samples of a run were dropped, as its ledger says; empty where none were."""
    gone = store.dropped_samples(out)
    if not gone:
        return []
    shown = f"{', '.join(map(str, gone[:10]))}{' …' if len(gone) > 10 else ''}"
    return [f"{len(gone)} samples were dropped: their states are not finite. Samples {shown}."]


def _block(job: Job, shard: int, report: _Report) -> tuple[np.ndarray, bool]:
    """The states (row, sublayer, unit) of one shard, and whether a batch had to be halved."""
    batches = job.plan.shards[shard]
    first = batches[0].start
    taps = taps_of(job.sites.sites)
    block = np.empty((batches[-1].stop - first, len(taps), job.model.n_units), dtype=np.float32)
    halved = False
    for batch in batches:
        ids = np.array([job.records[row]["input_ids"] for row in range(batch.start, batch.stop)], dtype=np.int64)
        states, smaller = in_halves_if_needed(job.model.module, taps, ids, job.model.n_units)
        block[batch.start - first : batch.stop - first] = states
        halved |= smaller
        report(ids.size)
    return block, halved


class _Report:
    """Counts tokens towards the whole run, so that a resumed one starts where it was left."""

    def __init__(self, plan: Plan, pending: Iterable[int], progress: Progress | None) -> None:
        tokens = [sum((b.stop - b.start) * b.n_tokens for b in batches) for batches in plan.shards]
        self.total = sum(tokens)
        self.done = self.total - sum(tokens[shard] for shard in pending)
        self.progress = progress

    def __call__(self, tokens: int) -> None:
        self.done += tokens
        if self.progress is not None:
            self.progress(self.done, self.total)
