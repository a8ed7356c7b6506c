"""Texts → states in a run directory: the plan's batches through the model, one shard at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.errors import DataError, Interrupted
from residyn.model.capture_plan import CapturePlan, prepare
from residyn.model.computing import Progress, computed
from residyn.model.interrupts import asked_to_stop
from residyn.model.loading import LoadedModel
from residyn.model.texts import Samples, Texts
from residyn.schema import label_states

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
    plan, samples = prepare(model, texts, run=out, **options)
    for warning in samples.warnings:
        warnings.warn(warning, stacklevel=2)
    if out is None:
        return capture_in_memory(plan, progress)
    plan.create(out)
    for warning in capture_to(plan, out, progress):
        warnings.warn(warning, stacklevel=2)
    return store.open_states(out)


def capture_in_memory(plan: CapturePlan, progress: Progress | None = None) -> xr.DataArray:
    """`capture` without a run directory."""
    states = np.concatenate([made.block for made in computed(plan, range(plan.batches.n_shards), progress)])
    finite = np.asarray(np.isfinite(states).all(axis=(1, 2)))
    if plan.on_nonfinite == "refuse" or not finite.any():
        _refuse_nonfinite(states, plan)
    attrs: dict[str, Any] = {}
    if not finite.all():
        attrs["dropped"] = f"{np.count_nonzero(~finite)} of {len(states)} samples: their states are not finite"
        states = states[finite]
    sample, coordinates = store.coordinates(plan.records.take(np.flatnonzero(finite)))
    distinct, tied = store.last_token_ties(coordinates["last_token"])
    attrs |= {
        "model": plan.model.title,
        "capture_dtype": plan.capture_dtype,
        "distinct_last_tokens": distinct,
        "tie_fraction": tied,
        "sites": plan.sites.to_json(),
        **plan.labels,
    }
    return label_states(states, plan.sites.sublayers, sample=sample, sample_coords=coordinates, attrs=attrs)


def _refuse_nonfinite(states: np.ndarray, plan: CapturePlan) -> None:
    bad = np.argwhere(~np.isfinite(states))
    if len(bad):
        row, sublayer, _ = bad[0]
        raise DataError(
            f"Sample {plan.records.sample[row]} has non-finite states, first at sublayer "
            f"{plan.sites.sublayers[sublayer].label}. float16 overflows: use float32 or bfloat16; or go on "
            'without such samples by on_nonfinite="drop".'
        )


def capture_to(plan: CapturePlan, out: str | Path, progress: Progress | None = None) -> list[str]:
    """Fill the plan's run directory from where it was left; returns what its provenance should warn of.

    Raises DataError where a state is not finite, ResourceError where memory or disk is full, StoreError where
    another process has the run or the model does not give the states that are stored, Interrupted after the
    shard in hand where the user asked to stop.
    """
    notes: list[str] = []
    plan.check_stored(out)
    with store.open_writer(out) as writer, asked_to_stop() as stop, ThreadPoolExecutor(1) as committer:
        pending = writer.pending
        # One shard is compressed, flushed and hashed while the model computes the next: on a fast device the
        # disk would otherwise take as long as the passes. At most two shards are in memory.
        committed: Future[list[int]] | None = None
        for left, made in zip(reversed(range(len(pending))), computed(plan, pending, progress), strict=True):
            if made.halved and not notes:
                notes.append(HALVED)
                # Before the shard is stored: whatever ends this process, what made the states stays told.
                store.record_warnings(out, notes)
            if committed:
                committed.result()
            committed = committer.submit(
                writer.commit, made.shard, made.block, drop_nonfinite=plan.on_nonfinite == "drop"
            )
            if stop() and left:
                committed.result()
                raise Interrupted(
                    f"Stopped as asked: {plan.batches.n_shards - left} of {plan.batches.n_shards} shards of {out} "
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
